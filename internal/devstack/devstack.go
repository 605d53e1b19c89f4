// Package devstack starts what the demo and the tests run against: a Temporal development server with its web UI, and
// MinIO as S3 and STS. Both are built once from modules of their own below this folder, listen on the loopback, and end
// with the process that started them, however that ends.
package devstack

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"
)

// Options say what to start. The zero value starts nothing.
type Options struct {
	Temporal bool
	S3       bool

	TemporalDB string    // SQLite file that survives the server; empty: memory
	Dir        string    // folder of S3's data, kept by Stop; empty: a temporary one, removed by Stop
	Log        io.Writer // hears what is built and how long that takes; nil: nobody
}

// A Stack is a set of running servers: nil, those that were not asked for.
type Stack struct {
	Temporal *Temporal
	S3       *S3
}

// Start builds the servers if need be, starts them side by side and returns when each answers. ctx bounds the start
// only. The caller calls Stop.
func Start(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{}
	g, ctx := errgroup.WithContext(ctx)
	if o.Temporal {
		g.Go(func() (err error) {
			s.Temporal, err = StartTemporal(ctx, TemporalOptions{DB: o.TemporalDB, Log: o.Log})
			return err
		})
	}
	if o.S3 {
		g.Go(func() (err error) {
			s.S3, err = StartS3(ctx, S3Options{Dir: o.Dir, Log: o.Log})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Stop ends the servers and removes what is temporary. Stopping twice is harmless.
func (s *Stack) Stop() error {
	var errs []error
	if s.Temporal != nil {
		errs = append(errs, s.Temporal.Stop())
	}
	if s.S3 != nil {
		errs = append(errs, s.S3.Stop())
	}
	return errors.Join(errs...)
}
