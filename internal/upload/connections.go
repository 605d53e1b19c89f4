package upload

import (
	"net/http"
	"sync"
	"time"
)

// Connections are kept from one bucket to the next: a step of a small delivery takes less time than a connection with
// TLS does. They carry nobody's identity, for every request is signed by itself. The zero value is ready.
type Connections struct {
	mu      sync.Mutex
	clients map[connectionSettings]*http.Client
}

// connectionSettings are what connections differ in.
type connectionSettings struct {
	stall       time.Duration
	concurrency int
}

func (c *Connections) client(o Options) *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := connectionSettings{o.Stall, o.Concurrency}
	client := c.clients[key]
	if client == nil {
		client = newHTTPClient(o)
		if c.clients == nil {
			c.clients = map[connectionSettings]*http.Client{}
		}
		c.clients[key] = client
	}
	return client
}
