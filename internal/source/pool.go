package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// A Pool keeps used engines for whoever opens the same source next. To start one takes more processor time than to run a small
// query, and finding out about CSV files means reading them. An engine is used again only if nothing of a query can be left in
// it, and only while its files are as it has seen them.
//
// Sources that are not files are opened as by the function Open.
type Pool struct {
	dir   string
	size  int
	clock func() time.Time

	mu   sync.Mutex
	out  int       // engines in use
	made int       // counts the folders
	idle []*pooled // the one used last comes last
}

// A pooled is an engine of a pool.
type pooled struct {
	*instance
	key   string // the options that it was started with
	files []seen // nil: it is not used again
	spill string // its folder
}

// NewPool returns a pool whose engines spill into folders below dir, and which keeps an engine only while there are at most
// size of them, with those in use. dir must exist; what is in it belongs to the pool. The clock tells it which files have just
// been written.
func NewPool(dir string, size int, clock func() time.Time) *Pool {
	return &Pool{dir: dir, size: size, clock: clock}
}

// Open opens the source as the function Open does. Options.TempDir is the pool's to choose.
func (p *Pool) Open(ctx context.Context, o Options) (Source, error) {
	if o.Type != TypeDuckDB {
		return Open(ctx, o)
	}
	if err := errors.Join(o.Validate().Err(), ctx.Err()); err != nil {
		return nil, err
	}
	k, err := p.take(ctx, o)
	if err != nil {
		return nil, err
	}
	return &engine{instance: k.instance, users: 1, giveBack: func(clean bool) error { return p.giveBack(k, clean) }}, nil
}

// take returns an engine that has seen the files as they are, or a new one.
func (p *Pool) take(ctx context.Context, o Options) (*pooled, error) {
	o.TempDir = ""
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	key, files := string(text), look(o.Tables, p.clock())
	k, spill, err := p.find(key, files)
	if k != nil || err != nil {
		return k, err
	}
	o.TempDir = spill
	i, err := newInstance(ctx, o)
	k = &pooled{instance: i, key: key, files: files, spill: spill}
	if err != nil {
		return nil, errors.Join(err, p.forget(k))
	}
	if !slices.EqualFunc(i.files, files, func(name string, f seen) bool { return name == f.name }) {
		k.files = nil // the engine's patterns find other files than ours
	}
	return k, nil
}

// find returns an idle engine, or the folder for a new one, for which idle ones make room.
func (p *Pool) find(key string, files []seen) (_ *pooled, spill string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, k := range slices.Backward(p.idle) {
		if k.key == key && slices.Equal(k.files, files) {
			if err := makeRoom(k.spill); err != nil { // somebody may have tidied up
				return nil, "", err
			}
			p.idle = slices.Delete(p.idle, at, at+1)
			p.out++
			return k, "", nil
		}
	}
	for len(p.idle) > 0 && len(p.idle)+p.out >= p.size {
		oldest := p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		if err := oldest.end(); err != nil {
			return nil, "", err
		}
	}
	p.made++
	spill = filepath.Join(p.dir, fmt.Sprint(p.made))
	if err := makeRoom(spill); err != nil {
		return nil, "", err
	}
	p.out++
	return nil, spill, nil
}

func makeRoom(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make room for what a query spills: %w", err)
	}
	return nil
}

// giveBack keeps an engine or ends it.
func (p *Pool) giveBack(k *pooled, clean bool) error {
	spilt, err := os.ReadDir(k.spill)
	if !clean || k.files == nil || err != nil || len(spilt) > 0 {
		return p.forget(k)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out--
	if len(p.idle)+p.out >= p.size {
		return k.end()
	}
	p.idle = append(p.idle, k)
	return nil
}

// forget ends an engine that is in use.
func (p *Pool) forget(k *pooled) error {
	p.mu.Lock()
	p.out--
	p.mu.Unlock()
	return k.end()
}

// Close ends the engines that nobody uses. Those in use end as they are given back.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, k := range p.idle {
		errs = append(errs, k.end())
	}
	p.idle, p.size = nil, 0
	return errors.Join(errs...)
}

func (k *pooled) end() error {
	if k.instance != nil {
		k.close()
	}
	if err := os.RemoveAll(k.spill); err != nil {
		return fmt.Errorf("remove what a query has spilt: %w", err)
	}
	return nil
}
