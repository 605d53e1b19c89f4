package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	sdk "go.temporal.io/sdk/worker"

	"consign/internal/workspace"
)

// admission hands out the slots of the render queue: a host takes a run from it only when it has room for its files.
// Once a run has begun on a host, its later steps never wait there, so that waiting is never mistaken for death.
type admission struct {
	host *workspace.Host
	max  int
	log  *slog.Logger

	mu   sync.Mutex
	told time.Time // when the log last said that the disk has no room; zero: it has
}

// remindEvery is how often the log says that a host takes no run for want of room.
const remindEvery = time.Minute

func newAdmission(host *workspace.Host, runs int, log *slog.Logger) *admission {
	return &admission{host: host, max: runs, log: log}
}

// ReserveSlot waits until the host has room.
func (a *admission) ReserveSlot(ctx context.Context, _ sdk.SlotReservationInfo) (*sdk.SlotPermit, error) {
	if err := a.host.Admit(ctx, a.refused); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.told.IsZero() {
		a.told = time.Time{}
		a.log.Info("there is room again: this host takes runs")
	}
	return &sdk.SlotPermit{}, nil
}

// refused tells the operator what nothing else would: the runs wait in the queue, and no step fails.
func (a *admission) refused(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if now.Sub(a.told) < remindEvery {
		return
	}
	a.told = now
	if errors.Is(err, workspace.ErrNoSpace) {
		err = fmt.Errorf("%w: free some disk, or raise workspace.max_bytes and start the worker again", err)
	}
	a.log.Warn("this host takes no run for now", "error", err)
}

// TryReserveSlot never succeeds: it serves eager activities, which would go round the queue.
func (a *admission) TryReserveSlot(sdk.SlotReservationInfo) *sdk.SlotPermit { return nil }

// MarkSlotUsed does nothing: the place is taken when the slot is reserved.
func (a *admission) MarkSlotUsed(sdk.SlotMarkUsedInfo) {}

// ReleaseSlot gives the place back. A run that goes on here holds a lease of its own by now.
func (a *admission) ReleaseSlot(sdk.SlotReleaseInfo) { a.host.Forgo() }

// MaxSlots returns how many runs the host takes at once.
func (a *admission) MaxSlots() int { return a.max }
