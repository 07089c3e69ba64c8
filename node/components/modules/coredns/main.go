// Command coredns is CoreDNS with only the plugins that a cluster's DNS needs.
package main

import (
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/bufsize"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/cancel"
	_ "github.com/coredns/coredns/plugin/debug"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/header"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/rewrite"
	_ "github.com/coredns/coredns/plugin/template"
	_ "github.com/coredns/coredns/plugin/whoami"
)

// served are the Corefile directives of the plugins above; "prometheus" is the plugin metrics, "root" and "on" need none.
var served = []string{
	"bind", "bufsize", "cache", "cancel", "debug", "errors", "forward", "header", "health", "hosts", "kubernetes", "loadbalance",
	"log", "loop", "metadata", "prometheus", "ready", "reload", "rewrite", "template", "whoami",
}

// The order of directives is the order in which plugins see a query: CoreDNS's own order is kept, what is not served is refused.
func init() {
	dnsserver.Directives = slices.DeleteFunc(dnsserver.Directives, func(d string) bool { return !slices.Contains(served, d) })
}

func main() {
	coremain.Run()
}
