package devstack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

const host = "127.0.0.1"

// The range lies below the ports that kernels give to outgoing connections, so that none of those can take a server's
// port while the server is being restarted.
const (
	firstPort = 20000
	lastPort  = 32000
)

func freePort() (int, error) {
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if l, err := net.Listen("tcp", address(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}

func address(port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// onFreePort calls start with a free port. Somebody may take it between our look and the server's, so a server that ends
// at once is tried again on another.
func onFreePort(ctx context.Context, start func(port int) error) (err error) {
	for range 3 {
		var port int
		if port, err = freePort(); err != nil {
			return err
		}
		if err = start(port); !errors.Is(err, ErrStopped) || ctx.Err() != nil {
			return err
		}
	}
	return err
}
