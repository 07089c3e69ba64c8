// Command k8s-apiserver-proxy runs on a worker: kubelet and kube-proxy speak to it as if it were the API server, and it passes
// their connections, still encrypted end to end, to an API server that is ready. It holds no state but the list of API servers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is set by the linker.
var version = "unknown"

// probing is how often an API server is asked whether it is ready, and how long it may take to answer.
var probing = schedule{interval: 2 * time.Second, again: 500 * time.Millisecond, timeout: 3 * time.Second}

const (
	dialTimeout        = 10 * time.Second
	minRefreshInterval = 15 * time.Second
)

type options struct {
	endpoints, kubeconfig, listen string
	refresh                       time.Duration
}

func main() {
	log.SetFlags(0)
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		err = run(ctx, o)
	}
	if err != nil {
		log.Fatalf("k8s-apiserver-proxy: %v", err)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("k8s-apiserver-proxy", flag.ContinueOnError)
	flags.StringVar(&o.endpoints, "endpoints", "", `JSON `+"`file`"+` with the API servers: {"endpoints":["10.0.0.1:6443"]}; kept up to date`)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "`file` with the CA and the credentials of this node, a kubeconfig written as JSON")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:6443", "`address` to listen on")
	flags.DurationVar(&o.refresh, "refresh-interval", 30*time.Second, "how often the cluster is asked for its API servers, besides following their changes; 0 turns both off, else at least 15s")
	showVersion := flags.Bool("version", false, "print the version")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case *showVersion:
		fmt.Println("k8s-apiserver-proxy", version)
		return o, flag.ErrHelp
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q: only flags are taken", flags.Arg(0))
	case o.endpoints == "" || o.kubeconfig == "":
		return o, errors.New("--endpoints and --kubeconfig must name files")
	case o.refresh != 0 && o.refresh < minRefreshInterval:
		return o, fmt.Errorf("--refresh-interval is %s: expected 0 or at least %s", o.refresh, minRefreshInterval)
	}
	return o, nil
}

func run(ctx context.Context, o options) error {
	list, err := loadEndpoints(o.endpoints)
	if err != nil {
		return err
	}
	creds, err := newCredentials(o.kubeconfig)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", o.listen, err)
	}
	defer listener.Close()

	servers := newPool(ctx, creds, probing)
	servers.onChange = func(ready, all int) { notify(fmt.Sprintf("STATUS=%d of %d API servers ready", ready, all)) }
	servers.set(list)
	keeper := &keeper{file: o.endpoints, servers: servers, creds: creds}
	go keeper.watchFile(ctx, probing.interval)
	if o.refresh > 0 {
		go keeper.refresh(ctx, o.refresh)
	}
	log.Printf("listening on %s for %d API servers", listener.Addr(), len(list))
	notify("READY=1")
	go func() { <-ctx.Done(); notify("STOPPING=1"); listener.Close() }()
	return serve(ctx, listener, servers)
}
