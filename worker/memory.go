package main

import (
	"os"
	"runtime/debug"
	"sync"
)

// How much the heap may grow before the next collection.
const (
	// gcPercent is for deliveries of any size. Buffers are used again, so that collections are few and twice as many cost
	// nothing that can be measured; what is measured is a peak that is lower and nearly the same whatever the size of the
	// result.
	gcPercent = 50
	// smallPercent is for small ones: each makes little garbage, but many at once make much beside a small heap, and
	// collecting it took a fifth of the worker's time.
	smallPercent = 200
)

// A collector paces Go's garbage collector: by gcPercent while any large step is at work, else by smallPercent.
type collector struct {
	pace func(percent int) int // debug.SetGCPercent; nil: GOGC goes before

	mu    sync.Mutex
	steps int // that are large
}

// limitMemory leaves the other half of the budget to the query engines, which Go does not see.
func limitMemory(budget int64) *collector {
	debug.SetMemoryLimit(budget / 2)
	c := &collector{}
	if os.Getenv("GOGC") == "" {
		c.pace = debug.SetGCPercent
		c.pace(smallPercent)
	}
	return c
}

// large notes that a step is large, until the function that is returned is called.
func (c *collector) large() (over func()) {
	c.change(1)
	return func() { c.change(-1) }
}

func (c *collector) change(by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.steps
	c.steps += by
	switch {
	case c.pace == nil:
	case before == 0:
		c.pace(gcPercent)
	case c.steps == 0:
		c.pace(smallPercent)
	}
}
