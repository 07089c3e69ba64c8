package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// schedule says how an API server is watched: every interval, and again soon after it failed once.
type schedule struct{ interval, again, timeout time.Duration }

// failuresToPark is how often in a row an API server that was ready must fail before it is parked: one lost packet is no outage.
const failuresToPark = 2

// maxFormer bounds the API servers that are remembered after they left the list.
const maxFormer = 8

type condition int

const (
	unknown condition = iota // not yet asked: worth trying
	ready
	parked
)

// server is one API server; its fields belong to the pool's lock.
type server struct {
	address     string
	condition   condition
	failures    int
	gone        bool
	connections map[*connection]struct{}
	kick        chan struct{}
	stop        context.CancelFunc
}

// pool holds the API servers, watches each, and says in which order to try them.
type pool struct {
	ctx      context.Context // of the whole program: a server is watched for as long as it is on the list, whoever put it there
	creds    *credentials
	watch    schedule
	onChange func(ready, all int)

	mu      sync.Mutex
	servers []*server
	former  []string // left the list; tried when nothing else is left, in case the list was wrong
	next    int
}

func newPool(ctx context.Context, creds *credentials, watch schedule) *pool {
	return &pool{ctx: ctx, creds: creds, watch: watch, onChange: func(int, int) {}}
}

// addresses returns the present list.
func (p *pool) addresses() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]string, 0, len(p.servers))
	for _, s := range p.servers {
		list = append(list, s.address)
	}
	return normal(list)
}

// set changes the list: what stays keeps its connections and its state, connections to what leaves are cut.
func (p *pool) set(addresses []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.servers[:0:0]
	for _, s := range p.servers {
		if slices.Contains(addresses, s.address) {
			kept = append(kept, s)
			continue
		}
		log.Printf("%s: not an API server of this cluster any more", s.address)
		s.gone = true
		s.stop()
		s.cut()
		p.former = append(p.former, s.address)
	}
	for _, address := range addresses {
		if !slices.ContainsFunc(kept, func(s *server) bool { return s.address == address }) {
			kept = append(kept, p.start(address))
		}
	}
	p.former = slices.DeleteFunc(p.former, func(a string) bool { return slices.Contains(addresses, a) })
	p.former = p.former[max(0, len(p.former)-maxFormer):]
	p.servers = kept
	p.changed()
}

func (p *pool) start(address string) *server {
	ctx, stop := context.WithCancel(p.ctx)
	s := &server{address: address, connections: map[*connection]struct{}{}, kick: make(chan struct{}, 1), stop: stop}
	go p.watchServer(ctx, s)
	return s
}

func (p *pool) watchServer(ctx context.Context, s *server) {
	for {
		err := probe(ctx, p.creds, s.address, p.watch.timeout)
		if ctx.Err() != nil {
			return
		}
		wait := p.report(s, err)
		wait += time.Duration(rand.Int64N(int64(wait)/5 + 1)) // many workers, one API server: not all at once
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		case <-time.After(wait):
		}
	}
}

// probe asks an API server whether it is ready. That it accepts connections says nothing: without its datastore it still does.
func probe(ctx context.Context, creds *credentials, address string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	response, err := get(ctx, creds, address, "/readyz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answered %s", response.Status)
	}
	return nil
}

func get(ctx context.Context, creds *credentials, address, path string) (*http.Response, error) {
	client, token := creds.current()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+path, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return client.Do(request)
}

// report takes the result of a probe and returns when to probe next.
func (p *pool) report(s *server, err error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := s.condition
	if err == nil {
		s.failures, s.condition = 0, ready
	} else if s.failures++; before == unknown || s.failures >= failuresToPark {
		s.condition = parked
	}
	if s.condition != before {
		p.tell(s, err)
		p.changed()
	}
	p.cutParked()
	if err != nil && s.condition == ready {
		return p.watch.again
	}
	return p.watch.interval
}

func (p *pool) tell(s *server, err error) {
	if s.condition == ready {
		log.Printf("%s: ready", s.address)
	} else {
		log.Printf("%s: parked until it is ready: %v", s.address, err)
	}
}

func (p *pool) changed() {
	count := 0
	for _, s := range p.servers {
		if s.condition == ready {
			count++
		}
	}
	p.onChange(count, len(p.servers))
}

// cutParked ends connections that a failed API server still holds, as soon as there is a better one to go to.
func (p *pool) cutParked() {
	if !slices.ContainsFunc(p.servers, func(s *server) bool { return s.condition == ready }) {
		return
	}
	for _, s := range p.servers {
		if s.condition == parked && len(s.connections) > 0 {
			log.Printf("%s: cutting %d connections", s.address, len(s.connections))
			s.cut()
		}
	}
}

func (s *server) cut() {
	for c := range s.connections {
		c.end()
	}
}

// order returns the servers to try for one connection: those that are ready (or not yet asked) in turn, then the parked ones.
func (p *pool) order() []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	var good, bad []*server
	for _, s := range p.servers {
		if s.condition == parked {
			bad = append(bad, s)
		} else {
			good = append(good, s)
		}
	}
	return append(turn(good, p.next), turn(bad, p.next)...)
}

// turn returns the list with another element in front each time.
func turn(list []*server, by int) []*server {
	if len(list) == 0 {
		return nil
	}
	by %= len(list)
	return slices.Concat(list[by:], list[:by])
}

// fallback returns the addresses that left the list.
func (p *pool) fallback() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.former)
}

// suspect has a server probed at once: a connection to it failed.
func (p *pool) suspect(s *server) {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// connection is what depends on one API server.
type connection struct{ end func() }

// hold registers what is to be ended when a server fails; the result takes that back.
func (p *pool) hold(s *server, end func()) (release func()) {
	c := &connection{end}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.gone {
		c.end()
	}
	s.connections[c] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(s.connections, c)
	}
}
