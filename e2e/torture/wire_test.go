package torture_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A wire is a TCP proxy that can be cut, frozen and slowed. It needs no server, no metrics and no API, as the proxies
// that one can get have.
type wire struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	mode  wireMode
	thaw  chan struct{} // closed when a freeze ends
	conns map[net.Conn]bool
}

type wireMode int

const (
	wireWhole    wireMode = iota
	wireCut               // connections break, new ones are refused
	wireFrozen            // nothing moves and nothing breaks
	wireSlow              // each read is late
	wireVerySlow          // by far more
)

// What a slow wire adds to each read.
const (
	slowRead     = 30 * time.Millisecond
	verySlowRead = time.Second
)

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{listener: l, target: target, conns: map[net.Conn]bool{}}
	go w.serve()
	t.Cleanup(func() {
		w.set(wireCut)
		_ = l.Close()
	})
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

func (w *wire) set(mode wireMode) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.thaw != nil {
		close(w.thaw)
		w.thaw = nil
	}
	w.mode = mode
	switch mode {
	case wireFrozen:
		w.thaw = make(chan struct{})
	case wireCut:
		for c := range w.conns {
			_ = c.Close()
		}
	case wireWhole, wireSlow, wireVerySlow:
	}
}

func (w *wire) serve() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.pass(in)
	}
}

func (w *wire) pass(in net.Conn) {
	out, err := net.Dial("tcp", w.target)
	if err != nil || !w.keep(in, out) {
		_ = in.Close()
		if err == nil {
			_ = out.Close()
		}
		return
	}
	var both sync.WaitGroup
	both.Go(func() { w.copy(out, in) })
	both.Go(func() { w.copy(in, out) })
	both.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, in)
	delete(w.conns, out)
}

func (w *wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mode == wireCut {
		return false
	}
	for _, c := range conns {
		w.conns[c] = true
	}
	return true
}

func (w *wire) copy(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.wait()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) wait() {
	w.mu.Lock()
	thaw, mode := w.thaw, w.mode
	w.mu.Unlock()
	switch {
	case thaw != nil:
		<-thaw
	case mode == wireSlow:
		<-time.After(slowRead)
	case mode == wireVerySlow:
		<-time.After(verySlowRead)
	}
}

func TestAWireCanBeFrozenAndCut(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	w := newWire(t, echo.Addr().String())
	c, err := net.Dial("tcp", w.address())
	require.NoError(t, err)
	say := func(wait time.Duration) error {
		_, err := c.Write([]byte("x"))
		if err == nil {
			_ = c.SetReadDeadline(time.Now().Add(wait))
			_, err = io.ReadFull(c, make([]byte, 1))
		}
		return err
	}
	require.NoError(t, say(time.Minute))
	w.set(wireFrozen)
	var late net.Error
	require.ErrorAs(t, say(100*time.Millisecond), &late)
	require.True(t, late.Timeout())
	w.set(wireSlow)
	require.NoError(t, say(time.Minute), "what was frozen arrives")
	w.set(wireCut)
	require.Eventually(t, func() bool { return say(time.Second) != nil }, time.Minute, time.Millisecond)
}
