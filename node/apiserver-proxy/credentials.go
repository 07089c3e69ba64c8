package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// kubeconfig is the part of a kubeconfig that is needed here. Ours are written as JSON, which is YAML too, so that no YAML parser is needed.
type kubeconfig struct {
	CurrentContext string `json:"current-context"`
	Contexts       []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
			User    string `json:"user"`
		} `json:"context"`
	} `json:"contexts"`
	Clusters []struct {
		Name    string  `json:"name"`
		Cluster cluster `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		Name string `json:"name"`
		User user   `json:"user"`
	} `json:"users"`
}

type cluster struct {
	CA         string `json:"certificate-authority"`
	CAData     []byte `json:"certificate-authority-data"`
	ServerName string `json:"tls-server-name"`
	Insecure   bool   `json:"insecure-skip-tls-verify"`
}

type user struct {
	Cert      string `json:"client-certificate"`
	CertData  []byte `json:"client-certificate-data"`
	Key       string `json:"client-key"`
	KeyData   []byte `json:"client-key-data"`
	Token     string `json:"token"`
	TokenFile string `json:"tokenFile"`
}

// credentials make verified connections to API servers with what a kubeconfig says now: its files may be replaced at any time.
type credentials struct {
	file string

	mu     sync.Mutex
	state  string // sizes and times of the files that the client was made from
	client *http.Client
	token  string
	told   string // the last problem that was logged
}

// newCredentials fails if the kubeconfig is of no use; later problems keep the last good state.
func newCredentials(file string) (*credentials, error) {
	c := &credentials{file: file}
	return c, c.reload()
}

// current returns a client and the bearer token, if there is one.
func (c *credentials) current() (*http.Client, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	problem := ""
	if err := c.reload(); err != nil {
		problem = err.Error()
	}
	if problem != c.told && problem != "" {
		log.Printf("keeping the credentials read before: %s", problem)
	}
	c.told = problem
	return c.client, c.token
}

func (c *credentials) reload() error {
	content, err := os.ReadFile(c.file)
	if err != nil {
		return fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	cl, u, err := choose(content, c.file)
	if err != nil {
		return err
	}
	state := string(content) + stamps(cl.CA, u.Cert, u.Key, u.TokenFile)
	if state == c.state {
		return nil
	}
	config, err := tlsConfig(cl, u)
	if err != nil {
		return fmt.Errorf("cannot use the kubeconfig %s: %w", c.file, err)
	}
	token, err := pick([]byte(u.Token), u.TokenFile)
	if err != nil {
		return fmt.Errorf("cannot use the kubeconfig %s: %w", c.file, err)
	}
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	c.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig:     config,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     time.Minute,
	}}
	c.state, c.token = state, strings.TrimSpace(string(token))
	return nil
}

// choose finds the cluster and the user of the current context, or the only ones; file names are made absolute.
func choose(content []byte, file string) (cluster, user, error) {
	var k kubeconfig
	if err := json.Unmarshal(content, &k); err != nil {
		return cluster{}, user{}, fmt.Errorf("cannot read the kubeconfig %s: expected JSON, as k8sd writes it for this service: %w", file, err)
	}
	var clusterName, userName string
	for _, c := range k.Contexts {
		if c.Name == k.CurrentContext {
			clusterName, userName = c.Context.Cluster, c.Context.User
		}
	}
	var cl *cluster
	var u *user
	for i := range k.Clusters {
		if clusterName == "" || k.Clusters[i].Name == clusterName {
			cl = &k.Clusters[i].Cluster
			break
		}
	}
	for i := range k.Users {
		if userName == "" || k.Users[i].Name == userName {
			u = &k.Users[i].User
			break
		}
	}
	switch {
	case cl == nil:
		return cluster{}, user{}, fmt.Errorf("the kubeconfig %s names no cluster %q", file, clusterName)
	case u == nil:
		return cluster{}, user{}, fmt.Errorf("the kubeconfig %s names no user %q", file, userName)
	case cl.Insecure:
		return cluster{}, user{}, fmt.Errorf("the kubeconfig %s turns the verification of certificates off, which is refused", file)
	}
	for _, name := range []*string{&cl.CA, &u.Cert, &u.Key, &u.TokenFile} {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(filepath.Dir(file), *name)
		}
	}
	return *cl, *u, nil
}

func tlsConfig(c cluster, u user) (*tls.Config, error) {
	ca, err := pick(c.CAData, c.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("it holds no CA certificate")
	}
	config := &tls.Config{RootCAs: roots, ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	cert, err := pick(u.CertData, u.Cert)
	if err != nil {
		return nil, err
	}
	key, err := pick(u.KeyData, u.Key)
	if err != nil || len(cert) == 0 {
		return config, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("client certificate and key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// pick returns embedded data, or the content of the file if one is named.
func pick(data []byte, file string) ([]byte, error) {
	if len(data) > 0 || file == "" {
		return data, nil
	}
	return os.ReadFile(file)
}

// stamps changes when one of the files does.
func stamps(files ...string) string {
	var all strings.Builder
	for _, file := range files {
		if info, err := os.Stat(file); file != "" && err == nil {
			fmt.Fprintf(&all, "\n%s %d %d", file, info.Size(), info.ModTime().UnixNano())
		}
	}
	return all.String()
}
