package activities

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
)

// remembers has Temporal say what a finished run has left, or that it does not know.
func remembers(kept Kept, err error) *mocks.Client {
	answer, temporal := &mocks.Value{}, &mocks.Client{}
	answer.On("Get", mock.Anything).Run(func(args mock.Arguments) { *args.Get(0).(*Kept) = kept }).Return(nil)
	temporal.On("QueryWorkflow", mock.Anything, "send/o/k", "first", QueryKept).Return(answer, err)
	return temporal
}

// recalling is a Temporal that also knows whose turn it is.
type recalling struct {
	*mocks.Client
	turn *taking
}

func (recalling) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any, ...any) client.WithStartWorkflowOperation {
	return nil
}

func (r recalling) UpdateWithStartWorkflow(ctx context.Context, o client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return r.turn.UpdateWithStartWorkflow(ctx, o)
}

func TestARunThatCannotBeSentAgainSaysWhy(t *testing.T) {
	t.Parallel()
	sent := FilesResult{Step: stepRender, Files: 1}
	for name, c := range map[string]struct {
		kept  Kept
		err   error
		says  string
		again bool // it is tried again
	}{
		"it has failed":         {kept: Kept{State: "failed", Files: sent, Until: time.Now()}, says: "send/o/k: the files are not kept: the run is failed, and only one that is completed can be sent again"},
		"it had no rows":        {kept: Kept{State: "completed", Until: time.Now()}, says: "the run had no rows and delivered no file"},
		"nobody asked for it":   {kept: Kept{State: "completed", Files: sent, Host: "h"}, says: "workspace.keep asked for nothing on h when the run ended"},
		"it is long ago":        {err: serviceerror.NewNotFound("no such workflow"), says: "send/o/k: the files are not kept: Temporal does not know the run any more"},
		"it is no run":          {err: serviceerror.NewQueryFailed("unknown query"), says: "it is not a run of an orchestration (unknown query)"},
		"Temporal does not say": {err: serviceerror.NewUnavailable("away"), says: "ask send/o/k for its files: away", again: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, time.Hour)
			k.steps.options.Client = remembers(c.kept, c.err)
			_, err := k.env.ExecuteActivity(k.steps.Plan, PlanInput{RunKey: "k~2", Redeliver: &Redelivery{WorkflowID: "send/o/k", RunID: "first"}})
			require.ErrorContains(t, err, c.says)
			require.Equal(t, !c.again, parks(t, err))
			require.Equal(t, !c.again, typeOf(t, err) == TypeFilesNotKept)
		})
	}
}

func TestARunThatIsSentAgainIsPlannedByWhatItSent(t *testing.T) {
	t.Parallel()
	f := counted(t, 3)
	kept := Kept{State: "completed", Plan: f.plan, Folder: f.folder, Files: FilesResult{Step: stepRender, Files: 1, Rows: 7}, Host: "h", Queue: "q@h", Until: time.Now()}
	f.steps.options.Client = recalling{remembers(kept, nil), &taking{between: between{taken: Taken{Granted: true}}}}
	in := PlanInput{
		Orchestration: "o", RunKey: "k~2", Now: f.now.Add(time.Hour), Redeliver: &Redelivery{WorkflowID: "send/o/k", RunID: "first"},
		Claim: &Claim{Orchestration: "o", WorkflowID: "send/o/k~2"},
	}
	got := do[PlanResult](t, f.packer, f.steps.Plan, in)
	require.Equal(t, f.plan.FirstKey(), got.FirstKey())
	require.Equal(t, "k~2", got.RunKey)
	require.True(t, got.Turn.Granted)
	require.Equal(t, kept.Folder, got.Again.Folder)
	require.Equal(t, kept.Queue, got.Again.Queue)
	require.Equal(t, kept.Files, got.Again.Reuse)
	require.Nil(t, got.Again.Plan, "the first run's history has it")

	elsewhere := *in.Redeliver
	elsewhere.To = "nowhere"
	asks := in
	asks.Redeliver = &elsewhere
	_, err := f.env.ExecuteActivity(f.steps.Plan, asks)
	require.ErrorContains(t, err, `data template "nowhere"`)
	in.RequestedBy.Name = "nobody"
	_, err = f.env.ExecuteActivity(f.steps.Plan, in)
	require.Equal(t, TypeRefused, typeOf(t, err))
}

// TestEncryptedFilesAreSentWithoutThoseBefore: of which there may be none, or not all.
func TestEncryptedFilesAreSentWithoutThoseBefore(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*keeper) error{
		"they were not kept": func(k *keeper) error { return os.RemoveAll(filepath.Join(k.dir, "runs", "a", "a-1", stepArchive)) },
		"one is gone": func(k *keeper) error {
			return os.Remove(filepath.Join(k.dir, "runs", "a", "a-1", stepArchive, "0000001"))
		},
		"one was damaged": func(k *keeper) error {
			return os.WriteFile(filepath.Join(k.dir, "runs", "a", "a-1", stepArchive, "0000001"), []byte("ARCHIVE of a"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, time.Hour)
			kept, sent, _ := k.finish(t, "a", stepArchive, stepEncrypt)
			require.NoError(t, spoil(k))
			got := do[RenderResult](t, k.packer, k.steps.Reuse, ReuseInput{Folder: folderOf("b"), Kept: kept, From: sent})
			require.Equal(t, sent, got.FilesResult)
			require.Contains(t, k.left(t), "b/b-1/encrypt")
			require.NotContains(t, k.left(t), "b/b-1/archive")
			require.NotContains(t, k.left(t), "b/b-1/render")
		})
	}
}

// TestFilesThatCannotBeReadNowAreTakenOverLater: that they are not kept would be the end of the run.
func TestFilesThatCannotBeReadNowAreTakenOverLater(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	kept, sent, _ := k.finish(t, "a", stepEncrypt)
	for id, name := range map[string]string{"b": "kept.json", "c": "a-1/encrypt/journal.ndjson"} { // as for want of file handles
		path := filepath.Join(k.dir, "runs", "a", name)
		require.NoError(t, os.Rename(path, path+".aside"))
		require.NoError(t, os.Mkdir(path, 0o700))
		in := ReuseInput{Folder: folderOf(id), Kept: kept, From: sent}
		_, err := k.env.ExecuteActivity(k.steps.Reuse, in)
		require.False(t, parks(t, err), name)
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Rename(path+".aside", path))
		require.Equal(t, sent, do[RenderResult](t, k.packer, k.steps.Reuse, in).FilesResult)
	}
}
