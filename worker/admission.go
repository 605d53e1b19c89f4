package main

import (
	"context"

	sdk "go.temporal.io/sdk/worker"

	"consign/internal/workspace"
)

// admission hands out the slots of the render queue: a host takes a run from it only when it has room for its files.
// Once a run has begun on a host, its later steps never wait there, so that waiting is never mistaken for death.
type admission struct {
	host *workspace.Host
	max  int
}

// ReserveSlot waits until the host has room.
func (a admission) ReserveSlot(ctx context.Context, _ sdk.SlotReservationInfo) (*sdk.SlotPermit, error) {
	if err := a.host.Admit(ctx); err != nil {
		return nil, err
	}
	return &sdk.SlotPermit{}, nil
}

// TryReserveSlot never succeeds: it serves eager activities, which would go round the queue.
func (a admission) TryReserveSlot(sdk.SlotReservationInfo) *sdk.SlotPermit { return nil }

// MarkSlotUsed does nothing: the place is taken when the slot is reserved.
func (a admission) MarkSlotUsed(sdk.SlotMarkUsedInfo) {}

// ReleaseSlot gives the place back. A run that goes on here holds a lease of its own by now.
func (a admission) ReleaseSlot(sdk.SlotReleaseInfo) { a.host.Forgo() }

// MaxSlots returns how many runs the host takes at once.
func (a admission) MaxSlots() int { return a.max }
