package render

import "sync"

// A budget bounds what is in work at once.
type budget struct {
	mu          sync.Mutex
	less        sync.Cond
	used        int
	most, least int // in all, and for one
}

func newBudget(most, least int) *budget {
	b := &budget{most: most, least: least}
	b.less.L = &b.mu
	return b
}

// take waits until there is room for n, or nothing else.
func (b *budget) take(n int) {
	n = max(n, b.least)
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used > 0 && b.used+n > b.most {
		b.less.Wait()
	}
	b.used += n
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= max(n, b.least)
	b.less.Broadcast()
}

// drain waits until nothing is in work.
func (b *budget) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used > 0 {
		b.less.Wait()
	}
}
