package activities

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"consign/internal/config"
	"consign/internal/source"
	"consign/internal/table"
	"consign/internal/workspace"
)

// engines open the sources of the configuration, with what one of them may use.
type engines struct {
	pool    *source.Pool
	memory  int64 // bytes
	threads int
}

// enginesForNow are those of a program that is no worker. The function returned ends them.
func enginesForNow(now time.Time, memory int64, threads int) (engines, func() error, error) {
	dir, err := os.MkdirTemp("", "consign-plan-")
	if err != nil {
		return engines{}, nil, fmt.Errorf("make room for what a query spills: %w", err)
	}
	e := engines{pool: source.NewPool(dir, 1, func() time.Time { return now }), memory: memory, threads: threads}
	return e, func() error { return errors.Join(e.pool.Close(), os.RemoveAll(dir)) }, nil
}

func (e engines) open(ctx context.Context, c *config.Config, name string) (source.Source, error) {
	o, err := c.SourceOptions(name)
	if err != nil {
		return nil, err
	}
	o.Memory, o.Threads = e.memory, e.threads
	src, err := e.pool.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", name, workspace.Space(err))
	}
	return src, nil
}

// describe asks a query's source for its columns, without running it.
func (e engines) describe(ctx context.Context, c *config.Config, query *config.Query) (_ table.Schema, err error) {
	src, err := e.open(ctx, c, query.Source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	schema, err := src.Describe(ctx, query.SQL)
	if err != nil {
		return nil, fmt.Errorf("query %s, source %s: %w", query.Name, query.Source, err)
	}
	return schema, nil
}
