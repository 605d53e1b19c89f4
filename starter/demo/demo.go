// Package demo shows a newcomer what Consign does: it plays both sides of three deliveries on one machine, and then
// proves, with other people's readers, that what arrived is what was sent.
package demo

import (
	"context"
	"errors"
	"io"
	"time"

	"consign/starter/watch"
)

// ErrDifferent means that what arrived is not what was sent.
var ErrDifferent = errors.New("what arrived is not what was sent")

// ErrNotDelivered means that a delivery did not come to its end.
var ErrNotDelivered = errors.New("not delivered")

// Options says what to show.
type Options struct {
	Keep   bool     // stay until ctx ends
	Data   []string // files of the user's, or folders or patterns of them, to send instead of the demo's table
	Worker string   // path of the worker program
	Out    io.Writer
	Clock  func() time.Time
	// Starter runs the command line, with more environment, and returns what it wrote to standard output.
	Starter func(ctx context.Context, environment map[string]string, args ...string) (out []byte, status int)
}

// Run shows the demo. It leaves nothing behind: no process, no file.
func Run(ctx context.Context, o Options) (err error) {
	begun := o.Clock()
	n := narrator{out: o.Out, clock: o.Clock}
	s := script{Options: o, narrator: n}
	files, err := ownFiles(o.Data)
	if err != nil {
		return err
	}
	s.introduce(files)
	s.world, err = open(ctx, n, o.Worker)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.world.close()) }()
	if len(files) == 0 {
		err = s.three(ctx)
	} else {
		err = s.own(ctx, files)
	}
	if err != nil {
		return err
	}
	s.closing(begun, len(files) > 0)
	if o.Keep {
		s.stay(ctx)
	}
	return nil
}

// A script is one showing.
type script struct {
	Options
	narrator
	world *world
}

func (s *script) introduce(own []string) {
	s.say("Consign delivers query results into S3 buckets that belong to somebody else.")
	if len(own) > 0 {
		s.say("This sends data of yours, three ways, to a bucket on this machine, and compares what arrives.")
		return
	}
	s.say("This demo plays both sides on this machine: us, who send, and Acme, who receives.")
}

func (s *script) closing(begun time.Time, own bool) {
	s.title("Look around")
	s.line("%s", s.world.stack.Temporal.UIAddress+"/namespaces/default/workflows")
	s.line("Open a run there: Search Attributes has its name and state, Event History a summary of each step, and")
	s.line("User Metadata says what was delivered.")
	if !s.Keep {
		s.line("It ends with the demo: make demo KEEP=1 stays up until Ctrl-C.")
	}
	what := "Three deliveries have arrived, value by value."
	if own {
		what = "All that was sent has arrived, value by value."
	}
	s.say("\nDone in %s. %s", watch.Took(s.Clock().Sub(begun)), what)
}

// stay keeps everything up until somebody presses Ctrl-C, which is how this is meant to end.
func (s *script) stay(ctx context.Context) {
	s.title("Try it yourself, in another terminal")
	for _, line := range s.world.exports() {
		s.line("%s", line)
	}
	s.line("bin/starter runs")
	s.line("bin/starter plan %s", s.world.some)
	s.line("bin/starter send %s --wait", s.world.some)
	s.say("\nCtrl-C ends it all.")
	<-ctx.Done()
	s.say("")
}

// three is the demo proper.
func (s *script) three(ctx context.Context) error {
	w := s.world
	w.some = "customers-to-lake"
	if err := w.acme(ctx, s.narrator); err != nil {
		return err
	}
	if err := w.ours(ctx, s.narrator); err != nil {
		return err
	}
	campaign, err := w.startCampaign(ctx, s.narrator)
	if err != nil {
		return err
	}
	s.title("Three deliveries")
	var deliveries []delivery
	for i, d := range []delivery{
		{name: "customers-to-lake", about: "Parquet, as a role of Acme's that ours takes on"},
		{name: "customers-to-loyalty", about: "CSV, compressed, and encrypted so that only Acme can open it"},
		{name: "lapsed-to-calls", about: "CSV in an archive, some of the columns, for a campaign that waits for it"},
	} {
		if i > 0 {
			s.say("")
		}
		if err := s.send(ctx, &d); err != nil {
			return err
		}
		deliveries = append(deliveries, d)
	}
	if err := s.prove(ctx, deliveries); err != nil {
		return err
	}
	if err := campaign.tell(ctx, s.narrator); err != nil {
		return err
	}
	s.title("What Temporal knows")
	return s.searchHistories(ctx, deliveries)
}
