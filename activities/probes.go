package activities

import (
	"crypto/sha256"
	"sync"
	"time"

	"consign/internal/awsrole"
)

// probeEvery is how long a role that was refused without its external ID is taken to be shut. The promise is at least
// once a day for each credential that is used.
const probeEvery = 24 * time.Hour

// probes remembers which roles were found shut. It is kept in memory: a worker that starts anew asks anew, which errs
// on the safe side, and no file can claim what nobody tried.
type probes struct {
	clock func() time.Time

	mu   sync.Mutex
	shut map[probe]time.Time
}

// A probe is one credential as it was when it was tried: a changed role or external ID is another.
type probe struct {
	credential string
	about      [sha256.Size]byte
}

func newProbes(clock func() time.Time) *probes {
	return &probes{clock: clock, shut: map[probe]time.Time{}}
}

func probeKey(credential string, o awsrole.Options) probe {
	return probe{credential, sha256.Sum256([]byte(o.RoleARN + "\x00" + o.ExternalID + "\x00" + o.STSEndpoint))}
}

// fresh reports whether the role was found shut within the last day.
func (p *probes) fresh(key probe) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.shut[key]
	return ok && p.clock().Sub(at) < probeEvery
}

// note remembers that the role was found shut just now.
func (p *probes) note(key probe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut[key] = p.clock()
}

// forget lets the credential be probed again: after a refusal its owner may have changed the role.
func (p *probes) forget(credential string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key := range p.shut {
		if key.credential == credential {
			delete(p.shut, key)
		}
	}
}
