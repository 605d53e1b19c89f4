package activities

import (
	"strconv"
	"strings"
)

// RunID is the workflow id of a run: see workflows.OrchestrationID.
func RunID(orchestration, runKey string) string { return "send/" + orchestration + "/" + runKey }

// CampaignTurn is the name under which a campaign takes its turn. No orchestration has a slash in its name.
func CampaignTurn(campaign string) string { return "campaign/" + campaign }

// CampaignRunID is the workflow id of a campaign's run: see workflows.CampaignID.
func CampaignRunID(campaign, runKey string) string { return CampaignTurn(campaign) + "/" + runKey }

// Unnumbered is a workflow id or a run key without the number of a delivery of kept files: see workflows.RedeliveryID.
func Unnumbered(id string) string {
	at := strings.LastIndexByte(id, '~')
	if at < 0 {
		return id
	}
	if _, err := strconv.ParseUint(id[at+1:], 10, 32); err != nil {
		return id
	}
	return id[:at]
}
