package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"sync"
	"time"
)

// serve passes connections on until the listener is closed.
func serve(ctx context.Context, listener net.Listener, servers *pool) error {
	for {
		client, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // too many open files, a connection that is gone already: it passes
			log.Printf("cannot accept a connection: %v", err)
			time.Sleep(100 * time.Millisecond)
		default:
			go pass(ctx, client, servers)
		}
	}
}

// pass joins a client with the first API server that takes the connection.
func pass(ctx context.Context, client net.Conn, servers *pool) {
	defer client.Close()
	for _, s := range servers.order() {
		upstream, err := dial(ctx, s.address)
		if err != nil {
			servers.suspect(s)
			continue
		}
		release := servers.hold(s, func() { client.Close(); upstream.Close() })
		join(client, upstream)
		release()
		return
	}
	for _, address := range servers.fallback() {
		if upstream, err := dial(ctx, address); err == nil {
			join(client, upstream)
			return
		}
	}
	log.Printf("no API server takes a connection: tried %v", servers.addresses())
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", address)
}

// join copies both ways until both sides have said all; the kernel moves the bytes.
func join(a, b net.Conn) {
	var copies sync.WaitGroup
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		copies.Add(1)
		go func() {
			defer copies.Done()
			_, err := io.Copy(pair[0], pair[1])
			if half, ok := pair[0].(*net.TCPConn); ok && err == nil {
				_ = half.CloseWrite()
				return
			}
			a.Close()
			b.Close()
		}()
	}
	copies.Wait()
	b.Close()
}
