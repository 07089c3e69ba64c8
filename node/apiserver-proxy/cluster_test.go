package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs the certificates of a test's cluster.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test-ca"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *authority) issue(t *testing.T, name string) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"system:nodes"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	must(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

// apiServer is a TLS server that wants client certificates and answers as an API server does where this proxy asks.
type apiServer struct {
	*httptest.Server
	address string
	unready atomic.Bool
	slices  atomic.Value // what the EndpointSlices name; nil: forbidden
	client  atomic.Value // the name in the certificate of the last client
	served  atomic.Int64
}

func startServer(t *testing.T, ca, clients *authority) *apiServer {
	t.Helper()
	s := &apiServer{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.answer))
	certPEM, keyPEM := ca.issue(t, "kube-apiserver")
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(clients.cert)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	s.address = s.Listener.Addr().String()
	return s
}

func (s *apiServer) answer(w http.ResponseWriter, r *http.Request) {
	s.client.Store(r.TLS.PeerCertificates[0].Subject.CommonName)
	switch {
	case r.URL.Path == "/readyz" && s.unready.Load():
		http.Error(w, "[-]etcd failed", http.StatusInternalServerError)
	case r.URL.Path == "/readyz":
		fmt.Fprint(w, "ok")
	case r.URL.Path == "/who":
		s.served.Add(1)
		fmt.Fprint(w, s.address)
	case r.URL.Path == "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices":
		addresses, _ := s.slices.Load().([]string)
		if addresses == nil || r.URL.Query().Get("labelSelector") != "kubernetes.io/service-name=kubernetes" {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		if r.URL.Query().Get("watch") == "true" {
			s.stream(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(slicesOf(addresses))
	default:
		http.NotFound(w, r)
	}
}

// stream sends an event for what is, and one for each change, until the client goes.
func (s *apiServer) stream(w http.ResponseWriter, r *http.Request) {
	var sent []string
	for r.Context().Err() == nil {
		if now, _ := s.slices.Load().([]string); !slices.Equal(now, sent) {
			sent = now
			_ = json.NewEncoder(w).Encode(map[string]any{"type": "MODIFIED", "object": slicesOf(now)})
			w.(http.Flusher).Flush()
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// slicesOf makes one slice per address, as ports differ here.
func slicesOf(addresses []string) map[string]any {
	items := []any{}
	for _, address := range addresses {
		host, port, _ := net.SplitHostPort(address)
		items = append(items, map[string]any{
			"endpoints": []any{map[string]any{"addresses": []string{host}, "conditions": map[string]any{"ready": true}}},
			"ports":     []any{map[string]any{"name": "https", "port": json.Number(port), "protocol": "TCP"}},
		})
	}
	return map[string]any{"kind": "EndpointSliceList", "items": items}
}

// cluster is a proxy with its API servers.
type testCluster struct {
	ca, clients *authority
	dir         string
	servers     []*apiServer
	address     string
	pool        *pool
	keeper      *keeper
}

func newCluster(t *testing.T, count int) *testCluster {
	t.Helper()
	c := &testCluster{ca: newAuthority(t), clients: newAuthority(t), dir: t.TempDir()}
	for range count {
		c.servers = append(c.servers, startServer(t, c.ca, c.clients))
	}
	c.writeKubeconfig(t, "system:node:worker")
	return c
}

func (c *testCluster) writeKubeconfig(t *testing.T, name string) {
	t.Helper()
	cert, key := c.clients.issue(t, name)
	must(t, os.WriteFile(c.path("client.crt"), cert, 0o600))
	must(t, os.WriteFile(c.path("client.key"), key, 0o600))
	content, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "k8s",
		"contexts": []any{map[string]any{"name": "k8s", "context": map[string]any{"cluster": "k8s", "user": "k8s-user"}}},
		"clusters": []any{map[string]any{"name": "k8s", "cluster": map[string]any{"server": "https://127.0.0.1:6443", "certificate-authority-data": c.ca.pem}}},
		"users":    []any{map[string]any{"name": "k8s-user", "user": map[string]any{"client-certificate": "client.crt", "client-key": c.path("client.key")}}},
	})
	must(t, err)
	must(t, os.WriteFile(c.path("kubelet.conf"), content, 0o600))
}

func (c *testCluster) path(name string) string { return filepath.Join(c.dir, name) }

// start runs a proxy for the given addresses, by default those of all servers.
func (c *testCluster) start(t *testing.T, addresses ...string) {
	t.Helper()
	if len(addresses) == 0 {
		for _, s := range c.servers {
			addresses = append(addresses, s.address)
		}
	}
	must(t, storeEndpoints(c.path("endpoints.json"), normal(addresses)))
	creds, err := newCredentials(c.path("kubelet.conf"))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	c.address = listener.Addr().String()
	c.pool = newPool(ctx, creds, schedule{interval: 50 * time.Millisecond, again: 20 * time.Millisecond, timeout: time.Second})
	c.pool.set(normal(addresses))
	c.keeper = &keeper{file: c.path("endpoints.json"), servers: c.pool, creds: creds}
	go c.keeper.watchFile(ctx, 20*time.Millisecond)
	go serve(ctx, listener, c.pool)
}

// dial makes an encrypted connection through the proxy, as a kubelet does, and returns it with the server that it reached.
func (c *testCluster) dial(t *testing.T) (*http.Client, func() (string, error)) {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(c.path("client.crt"), c.path("client.key"))
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(c.ca.cert)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}}}
	t.Cleanup(client.CloseIdleConnections)
	return client, func() (string, error) {
		response, err := client.Get("https://" + c.address + "/who")
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		var who [64]byte
		n, _ := response.Body.Read(who[:])
		return string(who[:n]), nil
	}
}

func (c *testCluster) who(t *testing.T) string {
	t.Helper()
	_, ask := c.dial(t)
	who, err := ask()
	must(t, err)
	return who
}

func (c *testCluster) condition(address string) condition {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	for _, s := range c.pool.servers {
		if s.address == address {
			return s.condition
		}
	}
	return unknown
}

// holds counts what is held open by a server.
func (c *testCluster) holds(address string) int {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	for _, s := range c.pool.servers {
		if s.address == address {
			return len(s.connections)
		}
	}
	return 0
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited 5 s in vain until %s", what)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
