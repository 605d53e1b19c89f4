package activities

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"consign/internal/archive"
	"consign/internal/config"
	"consign/internal/redshift/redshifttest"
)

func TestProgressFollowsSeveralFilesForwardsAndBack(t *testing.T) {
	t.Parallel()
	p := &progress{total: 30}
	first, second := p.follow(), p.follow()
	for _, bytes := range []int64{5, 10, 5, 10} { // the part from 5 on is sent twice
		first(bytes)
	}
	second(20)
	require.EqualValues(t, 30, p.now().Bytes)
	require.LessOrEqual(t, p.now().Bytes, p.now().Total)
}

// TestAStepThatWaitsForItsConfigurationIsKnownToBeAlive: whoever gives out secrets, or STS, may be silent for longer than a step
// may go unheard of.
func TestAStepThatWaitsForItsConfigurationIsKnownToBeAlive(t *testing.T) {
	t.Parallel()
	warehouse := redshifttest.New(7, time.Now())
	t.Cleanup(warehouse.Close)
	for name, step := range map[string]func(e *early) (any, any){
		"AssumeRole": func(e *early) (any, any) { return e.steps.AssumeRole, AssumeRoleInput{Target: e.target, TryKey: e.key} },
		"Upload": func(e *early) (any, any) {
			return e.steps.Upload, UploadInput{Folder: e.folder, Target: e.target, From: FilesResult{Step: stepRender, Files: 1}, Names: e.plan.Names, Count: 1}
		},
		"Publish": func(e *early) (any, any) {
			return e.steps.Publish, PublishInput{Target: e.target, Delivery: e.folder.Delivery, Mode: PublishAll}
		},
		"FindVisible": func(e *early) (any, any) {
			return e.steps.FindVisible, VisibleInput{Target: e.target, Delivery: e.folder.Delivery}
		},
		"Discard": func(e *early) (any, any) {
			return e.steps.Discard, DiscardInput{Folder: e.folder, Target: e.target, Elsewhere: true}
		},
		"LookUp": func(e *early) (any, any) {
			c, err := e.steps.options.Config()
			require.NoError(t, err)
			c.Orchestrations[0].Schedule = new(config.Schedule)
			return e.steps.LookUp, LookUpInput{Orchestration: c.Orchestrations[0].Name}
		},
		"CancelLoad": func(e *early) (any, any) {
			load := loading(e.target, warehouse, "")
			load.Downstream.Credential, load.Statement = e.target.Credential, "over" // which is success
			return e.steps.CancelLoad, load
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEarly(t, archive.None, "nobody")
			do[RenderResult](t, e.packer, e.steps.Render, e.renderInput(false))
			beat := make(chan struct{})
			once := sync.OnceFunc(func() { close(beat) })
			e.env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { once() })
			do, in := step(e)
			configured := e.steps.options.Config
			e.steps.options.Config = func() (*config.Config, error) {
				select {
				case <-beat:
					return configured()
				case <-time.After(time.Minute):
					return nil, errors.New("is it alive?")
				}
			}
			_, err := e.env.ExecuteActivity(do, in)
			require.NoError(t, err)
		})
	}
}
