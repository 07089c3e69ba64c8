// The image of the end-to-end tests: one static program that serves its host name over HTTP, fetches a URL, and looks up a
// name. It exists because the tests reach no registry.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: probe serve ADDRESS | get URL | lookup NAME | sleep")
		os.Exit(2)
	}
	if err := run(os.Args[1], append(os.Args[2:], "")[0]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb, argument string) error {
	switch verb {
	case "serve":
		name, _ := os.Hostname()
		fmt.Println("serving", name)
		return http.ListenAndServe(argument, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %s\n", name, strings.Split(r.RemoteAddr, ":")[0])
		}))
	case "get":
		client := http.Client{Timeout: 10 * time.Second}
		answer, err := client.Get(argument)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, err = io.Copy(os.Stdout, answer.Body)
		return err
	case "lookup":
		ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		addresses, err := net.DefaultResolver.LookupHost(ctx, argument)
		if err == nil {
			fmt.Println(strings.Join(addresses, " "))
		}
		return err
	case "sleep":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		<-stop
		return nil
	}
	return fmt.Errorf("unknown verb %q", verb)
}
