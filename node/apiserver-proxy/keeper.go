package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// slicesPath lists where the API servers of a cluster are.
const slicesPath = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dkubernetes"

// keeper keeps the list of API servers true: in the pool and in the file.
type keeper struct {
	file    string
	servers *pool
	creds   *credentials

	mu   sync.Mutex // file and pool change together: else an old list is read again while the new one is being written
	seen string     // the state of the file that was read last
}

// watchFile takes over a list that someone else wrote; the first look is at the file as it is, as it may have changed since the start.
func (k *keeper) watchFile(ctx context.Context, interval time.Duration) {
	for ; ctx.Err() == nil; sleep(ctx, interval) {
		k.readFile(ctx)
	}
}

func (k *keeper) readFile(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := stamps(k.file)
	if now == k.seen {
		return
	}
	k.seen = now
	list, err := loadEndpoints(k.file)
	if err != nil {
		log.Printf("keeping the API servers known before: %v", err)
	} else if !slices.Equal(list, k.servers.addresses()) {
		k.servers.set(list)
	}
}

// refresh keeps to the API servers that the cluster names: it asks soon after the start, then follows what changes, and asks anew
// every interval. To ask alone is not enough: a worker that joined by the only API server would not know the others for an interval.
func (k *keeper) refresh(ctx context.Context, interval time.Duration) {
	pause := min(interval, 2*time.Second)
	told := ""
	for sleep(ctx, pause); ctx.Err() == nil; sleep(ctx, pause) {
		problem := ""
		err := k.refreshOnce(ctx)
		if err == nil {
			err = k.follow(ctx, interval)
		}
		if err != nil {
			problem = err.Error()
		}
		if problem != "" && problem != told {
			log.Printf("keeping the API servers known before: %s", problem)
		}
		told = problem
	}
}

// follow watches the slices by one API server, for an interval or until that server fails, and asks again at each change.
func (k *keeper) follow(ctx context.Context, interval time.Duration) error {
	order := k.servers.order()
	if len(order) == 0 {
		return nil
	}
	s := order[0]
	ctx, cancel := context.WithTimeout(ctx, interval)
	defer cancel()
	defer k.servers.hold(s, cancel)()
	response, err := get(ctx, k.creds, s.address, slicesPath+"&watch=true")
	if err == nil {
		defer response.Body.Close()
		err = k.eachChange(ctx, response)
	}
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("cannot follow the API servers by %s: %w", s.address, err)
}

func (k *keeper) eachChange(ctx context.Context, watch *http.Response) error {
	if watch.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered %s", watch.Status)
	}
	for changes := json.NewDecoder(io.LimitReader(watch.Body, 1<<24)); ; {
		var change struct{} // that there is one is enough: the list is asked for as a whole
		if err := changes.Decode(&change); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := k.refreshOnce(ctx); err != nil {
			return err
		}
	}
}

func (k *keeper) refreshOnce(ctx context.Context) error {
	list, err := k.ask(ctx)
	if err != nil || slices.Equal(list, k.servers.addresses()) {
		return err
	}
	log.Printf("the cluster's API servers are now %v", list)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.servers.set(list)
	if err := storeEndpoints(k.file, list); err != nil {
		return fmt.Errorf("cannot write %s: %w", k.file, err)
	}
	return nil
}

// ask tries every API server until one answers.
func (k *keeper) ask(ctx context.Context) ([]string, error) {
	var err error
	var tried []string
	for _, s := range k.servers.order() {
		tried = append(tried, s.address)
	}
	for _, address := range append(tried, k.servers.fallback()...) {
		var list []string
		if list, err = k.askOne(ctx, address); err == nil {
			return list, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// endpointSlices is the part of a list of EndpointSlices that says where API servers are.
type endpointSlices struct {
	Items []struct {
		Endpoints []struct {
			Addresses  []string `json:"addresses"`
			Conditions struct {
				Ready *bool `json:"ready"`
			} `json:"conditions"`
		} `json:"endpoints"`
		Ports []struct {
			Name string `json:"name"`
			Port int    `json:"port"`
		} `json:"ports"`
	} `json:"items"`
}

func (k *keeper) askOne(ctx context.Context, address string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	response, err := get(ctx, k.creds, address, slicesPath)
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s for the API servers: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("cannot ask %s for the API servers: it answered %s", address, response.Status)
	}
	var found endpointSlices
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<22)).Decode(&found); err != nil {
		return nil, fmt.Errorf("cannot read the EndpointSlices that %s sent: %w", address, err)
	}
	list := found.addresses()
	if len(list) == 0 { // a cluster that answers has an API server: the slices are not there yet
		return nil, fmt.Errorf("%s names no API server in its EndpointSlices", address)
	}
	return list, nil
}

func (e endpointSlices) addresses() []string {
	var list []string
	for _, slice := range e.Items {
		for _, port := range slice.Ports {
			if port.Name != "https" && len(slice.Ports) > 1 {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready {
					continue
				}
				for _, host := range endpoint.Addresses {
					if address := net.JoinHostPort(host, strconv.Itoa(port.Port)); checkAddress(address) == nil {
						list = append(list, address)
					}
				}
			}
		}
	}
	return normal(list)
}

// sleep returns early when the context ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
