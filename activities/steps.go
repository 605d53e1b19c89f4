// Package activities does the steps of a delivery. It is the only place that knows the stages, and where their errors
// become something that Temporal retries or an operator mends.
package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"consign/internal/awsrole"
	"consign/internal/config"
	"consign/internal/source"
	"consign/internal/upload"
	"consign/internal/workspace"
)

// Steps is what a worker can do. Every exported method is an activity of that name.
type Steps struct {
	options  Options
	sessions *sessions
	probes   *probes
	// connections to S3 are kept from step to step, and from run to run.
	connections upload.Connections
	engines     engines
	rendering   chan struct{} // a place per query engine that may run at once
	describe    chan struct{} // likewise of Plan's, which would wait for hours behind a Render's
}

// Options is what the steps of one worker share.
type Options struct {
	// Config reads the configuration afresh. Steps look up credentials, queries and keys in it by name: none of these
	// is in a payload.
	Config func() (*config.Config, error)
	Host   *workspace.Host
	Queue  string // the task queue of the workflows; the host's own and the renders' are named after it
	Client client.Client
	Worker string // what Temporal calls the worker
	Clock  func() time.Time
	Memory int64 // bytes for query engines, encoders and buffers together
	// Threads is how many goroutines a step may keep busy.
	Threads int
	// Engines is how many query engines may run at once; half of Memory is shared among them.
	Engines int
	Pool    *source.Pool // keeps them
	// Keep is how long the files of a finished run stay on the host; 0: not at all. KeepPlain keeps those before
	// encryption too, so that they can be encrypted for somebody else.
	Keep      time.Duration
	KeepPlain bool
}

// New returns the steps of one worker.
func New(o Options) *Steps {
	o.Engines = max(o.Engines, 1)
	o.Threads = max(o.Threads, 1)
	o.KeepPlain = o.KeepPlain && o.Keep > 0
	return &Steps{
		options: o, sessions: newSessions(o.Clock), probes: newProbes(o.Clock),
		engines:   engines{pool: o.Pool, memory: o.Memory / 2 / int64(o.Engines), threads: o.Threads},
		rendering: make(chan struct{}, o.Engines), describe: make(chan struct{}, o.Engines),
	}
}

// HostQueue is the task queue of one host: its steps share files.
func HostQueue(queue, hostID string) string { return queue + "@" + hostID }

// RenderQueue is the task queue on which renders wait until a host has room.
func RenderQueue(queue string) string { return queue + "/render" }

// A Folder says which files of the host's workspace a step works on.
type Folder struct {
	Run        string `json:"run"`
	WorkflowID string `json:"workflow_id"`
	Delivery   string `json:"delivery"`
}

// Target says where a delivery goes and as whom.
type Target struct {
	Run           string         `json:"run"`
	Orchestration string         `json:"orchestration"`
	Credential    string         `json:"credential"` // its name; the secrets stay in the configuration
	Prefix        string         `json:"prefix"`
	Upload        upload.Options `json:"upload"`
}

// errWorkerStops is the cause of a step's end when its worker is told to stop.
var errWorkerStops = errors.New("the worker stops")

// stoppable returns a context that ends when the worker is told to stop: what is done by then stays done, and the next
// attempt goes on with it. Without this a step would go on until the worker's patience ends, and be lost whole.
func stoppable(ctx context.Context) (context.Context, context.CancelFunc) {
	stopping := activity.GetWorkerStopChannel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-stopping:
			cancel(errWorkerStops)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// watched prepares a step that uses no host's files: it ends with the worker, and tells Temporal that it is alive. The caller
// calls the function that is returned.
func watched(ctx context.Context, step string) (context.Context, func()) {
	ctx, cancel := stoppable(ctx)
	alive := startBeating(ctx, quietBeat(ctx), step, 0)
	return ctx, func() { alive.stop(); cancel() }
}

// work prepares a step that uses the host's files: it notes the attempt on the disk, stops an earlier attempt that has
// not noticed its end, and ends with the worker. The caller calls the function that is returned.
func (s *Steps) work(ctx context.Context, step string, f Folder) (context.Context, *workspace.Run, func(), error) {
	run, err := s.options.Host.Run(f.WorkflowID, f.Run)
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := stoppable(ctx)
	if step == stepRender || step == stepReuse { // somebody may have reset the run, whose later steps have not noticed yet
		if err := run.Stop(ctx); err != nil {
			cancel()
			return nil, nil, nil, err
		}
	}
	ctx, attempt, err := run.Begin(ctx, step, activity.GetInfo(ctx).TaskToken)
	if err == nil {
		if err = run.Unkeep(); err != nil {
			attempt.End()
		}
	}
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ctx, run, func() { attempt.End(); cancel() }, nil
}

// bucket opens the target's bucket as the run's credential.
func (s *Steps) bucket(ctx context.Context, t Target) (*upload.Bucket, error) {
	session, err := s.session(ctx, t)
	if err != nil {
		return nil, err
	}
	return s.connections.Open(ctx, session.Credentials(), t.Upload)
}

// session returns the run's assumed role, from this process's memory or anew.
func (s *Steps) session(ctx context.Context, t Target) (*awsrole.Session, error) {
	o, err := s.role(t)
	if err != nil {
		return nil, err
	}
	return s.sessions.get(ctx, sessionKey(t), o)
}

func sessionKey(t Target) string {
	return t.Run + "/" + t.Credential + "/" + t.Upload.Bucket + "/" + t.Prefix
}

// role is how the target's credential is assumed, with secrets, for this process alone.
func (s *Steps) role(t Target) (awsrole.Options, error) {
	c, err := s.options.Config()
	if err != nil {
		return awsrole.Options{}, err
	}
	o, err := c.Role(t.Credential)
	if err != nil {
		return awsrole.Options{}, err
	}
	if o.RoleARN != "" {
		o.SessionName = awsrole.SessionName(t.Run, t.Orchestration)
		o.Policy = awsrole.SessionPolicy(o.RoleARN, t.Upload.Bucket, t.Prefix, kmsKey(o, t.Upload), extraRights(t.Upload)...)
	}
	return o.Beside(t.Upload.Region), nil
}

// kmsKey is the key of KMS that a session needs: that of the settings or, where the bucket encrypts as it likes, any. Only
// Amazon's STS is told: those of other stores do not know KMS's rights, and refuse the whole policy.
func kmsKey(o awsrole.Options, u upload.Options) string {
	switch {
	case !o.AtAmazon():
		return ""
	case u.KMSKeyID == "" && u.SSE != "s3":
		return awsrole.AnyKey
	default:
		return u.KMSKeyID
	}
}

// extraRights are what only some settings need.
func extraRights(o upload.Options) []string {
	var rights []string
	if o.ACL != "" && o.ACL != "none" {
		rights = append(rights, "s3:PutObjectAcl")
	}
	if len(o.Tags) > 0 {
		rights = append(rights, "s3:PutObjectTagging")
	}
	return rights
}
