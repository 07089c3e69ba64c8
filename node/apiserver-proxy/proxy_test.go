package main

import (
	"bufio"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConnectionsGoInTurnToServersThatAreReady(t *testing.T) {
	c := newCluster(t, 3)
	c.servers[2].unready.Store(true)
	c.start(t)
	eventually(t, "the unready one is parked", func() bool { return c.condition(c.servers[2].address) == parked })
	for range 6 {
		c.who(t)
	}
	if a, b, bad := c.servers[0].served.Load(), c.servers[1].served.Load(), c.servers[2].served.Load(); a != 3 || b != 3 || bad != 0 {
		t.Fatalf("served %d, %d and %d of 6 connections, expected 3, 3 and 0 by the unready one", a, b, bad)
	}
}

func TestOpenConnectionsOfAFailedServerAreCut(t *testing.T) {
	c := newCluster(t, 2)
	c.start(t)
	cert, err := tls.LoadX509KeyPair(c.path("client.crt"), c.path("client.key"))
	must(t, err)
	held := map[string]*tls.Conn{}
	for len(held) < 2 {
		connection, err := tls.Dial("tcp", c.address, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}}) // a test's own server
		must(t, err)
		_, err = connection.Write([]byte("GET /who HTTP/1.1\r\nHost: x\r\n\r\n"))
		must(t, err)
		reader := bufio.NewReader(connection)
		for line := ""; ; {
			line, err = reader.ReadString('\n')
			must(t, err)
			if line == "\r\n" {
				break
			}
		}
		body := make([]byte, len(c.servers[0].address))
		_, err = reader.Read(body)
		must(t, err)
		if old := held[string(body)]; old != nil {
			old.Close()
		}
		held[string(body)] = connection
	}
	failing, good := c.servers[0], c.servers[1]
	failing.unready.Store(true) // it still accepts connections, as an API server without its datastore does
	connection := held[failing.address]
	must(t, connection.SetReadDeadline(time.Now().Add(5*time.Second)))
	if _, err := connection.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Fatalf("the connection to the failed server is still open: %v", err)
	}
	must(t, held[good.address].SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	if _, err := held[good.address].Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Fatalf("the connection to the good server was cut: %v", err)
	}
	if got := c.who(t); got != good.address {
		t.Fatalf("a new connection went to %s, expected %s", got, good.address)
	}
	failing.unready.Store(false)
	eventually(t, "the failed server is used again", func() bool { return c.who(t) == failing.address })
}

func TestAServerThatIsGoneIsNotNoticedByClients(t *testing.T) {
	c := newCluster(t, 3)
	c.start(t)
	c.servers[1].Close()
	for range 6 {
		if got := c.who(t); got == c.servers[1].address {
			t.Fatalf("%s answered, but it is closed", got)
		}
	}
}

func TestAServerWithAForeignCertificateIsParked(t *testing.T) {
	c := newCluster(t, 1)
	foreign := startServer(t, newAuthority(t), c.clients)
	c.servers = append(c.servers, foreign)
	c.start(t)
	eventually(t, "the foreign one is parked", func() bool { return c.condition(foreign.address) == parked })
	eventually(t, "the own one is ready", func() bool { return c.condition(c.servers[0].address) == ready })
}

func TestWithoutAReadyServerTheOthersAreTried(t *testing.T) {
	c := newCluster(t, 1)
	c.servers[0].unready.Store(true)
	c.start(t)
	eventually(t, "it is parked", func() bool { return c.condition(c.servers[0].address) == parked })
	if got := c.who(t); got != c.servers[0].address {
		t.Fatalf("reached %q, expected the only server", got)
	}
}

func TestTheClusterNamesItsAPIServers(t *testing.T) {
	c := newCluster(t, 3)
	c.start(t, c.servers[0].address)
	if err := c.keeper.refreshOnce(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
		t.Fatalf("a forbidden list gave %v, expected an error with 403", err)
	}
	now := normal([]string{c.servers[1].address, c.servers[2].address})
	c.servers[0].slices.Store(now)
	must(t, c.keeper.refreshOnce(t.Context()))
	stored, err := loadEndpoints(c.path("endpoints.json"))
	must(t, err)
	if !slices.Equal(stored, now) || !slices.Equal(c.pool.addresses(), now) {
		t.Fatalf("file %v, pool %v, expected %v", stored, c.pool.addresses(), now)
	}
	if got := c.who(t); !slices.Contains(now, got) {
		t.Fatalf("reached %s, which left the list", got)
	}
	left, err := filepath.Glob(c.path(".endpoints*"))
	must(t, err)
	if len(left) > 0 {
		t.Fatalf("temporary files were left behind: %v", left)
	}
}

func TestAnAPIServerThatComesIsKnownBeforeTheOnlyOtherFails(t *testing.T) {
	c := newCluster(t, 2)
	first, second := c.servers[0], c.servers[1]
	first.slices.Store([]string{first.address})
	second.slices.Store([]string{second.address})
	c.start(t, first.address)
	go c.keeper.refresh(t.Context(), time.Minute)
	eventually(t, "the list is followed", func() bool { return c.holds(first.address) > 0 })
	first.slices.Store([]string{first.address, second.address})
	eventually(t, "the second is known", func() bool { return len(c.pool.addresses()) == 2 })
	first.unready.Store(true)
	eventually(t, "a server that fails is followed no longer", func() bool { return slices.Equal(c.pool.addresses(), []string{second.address}) })
	if who := c.who(t); who != second.address {
		t.Fatalf("reached %s", who)
	}
}

func TestAnAPIServerLearnedByAWatchIsWatchedBeyondIt(t *testing.T) {
	c := newCluster(t, 2)
	first, second := c.servers[0], c.servers[1]
	first.slices.Store([]string{first.address})
	second.slices.Store([]string{first.address, second.address})
	c.start(t, first.address)
	const interval = 300 * time.Millisecond
	go c.keeper.refresh(t.Context(), interval)
	eventually(t, "the list is followed", func() bool { return c.holds(first.address) > 0 })
	first.slices.Store([]string{first.address, second.address})
	eventually(t, "the second is ready", func() bool { return c.condition(second.address) == ready })
	time.Sleep(3 * interval) // the watch that told of it is over
	second.unready.Store(true)
	eventually(t, "its failure is seen", func() bool { return c.condition(second.address) == parked })
	second.unready.Store(false)
	eventually(t, "its return is seen", func() bool { return c.condition(second.address) == ready })
}

func TestAnEmptyAnswerKeepsTheList(t *testing.T) {
	c := newCluster(t, 1)
	c.start(t)
	c.servers[0].slices.Store([]string{})
	if err := c.keeper.refreshOnce(t.Context()); err == nil || len(c.pool.addresses()) != 1 {
		t.Fatalf("error %v, list %v, expected an error and the old list", err, c.pool.addresses())
	}
}

func TestAServerThatLeftTheListIsTheLastResort(t *testing.T) {
	c := newCluster(t, 2)
	c.start(t, c.servers[0].address)
	c.servers[0].slices.Store([]string{c.servers[1].address})
	must(t, c.keeper.refreshOnce(t.Context()))
	c.servers[1].Close()
	if got := c.who(t); got != c.servers[0].address {
		t.Fatalf("reached %q, expected the former server", got)
	}
}

func TestAListThatSomeoneElseWritesIsTakenOver(t *testing.T) {
	c := newCluster(t, 2)
	c.start(t, c.servers[0].address)
	must(t, os.WriteFile(c.path("endpoints.json"), []byte(`{"endpoints":["`+c.servers[1].address+`"]}`), 0o600))
	eventually(t, "the new list is used", func() bool { return slices.Equal(c.pool.addresses(), []string{c.servers[1].address}) })
	must(t, os.WriteFile(c.path("endpoints.json"), []byte(`{"endpoints":[`), 0o600))
	time.Sleep(100 * time.Millisecond)
	if got := c.who(t); got != c.servers[1].address {
		t.Fatalf("reached %q, expected the last good list", got)
	}
}

func TestReplacedCredentialsAreUsed(t *testing.T) {
	c := newCluster(t, 1)
	c.start(t)
	server := c.servers[0]
	eventually(t, "the first certificate is used", func() bool { return server.client.Load() == "system:node:worker" })
	c.writeKubeconfig(t, "system:node:renewed")
	eventually(t, "the renewed certificate is used", func() bool { return server.client.Load() == "system:node:renewed" })
	must(t, os.WriteFile(c.path("client.key"), []byte("damaged"), 0o600))
	time.Sleep(150 * time.Millisecond)
	if c.condition(server.address) != ready {
		t.Fatal("damaged credentials replaced the good ones")
	}
}

func TestUselessInputIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	write := func(content string) string {
		file := filepath.Join(dir, "input")
		must(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	context := `"current-context":"c","contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],"users":[{"name":"u","user":{}}]`
	kubeconfigs := map[string]string{
		"apiVersion: v1\nkind: Config\n": "expected JSON",
		`{}`:                             "names no cluster",
		`{` + context + `,"clusters":[{"name":"other","cluster":{}}]}`:                                   `names no cluster "k"`,
		`{` + context + `,"clusters":[{"name":"k","cluster":{"insecure-skip-tls-verify":true}}]}`:        "verification of certificates off",
		`{` + context + `,"clusters":[{"name":"k","cluster":{}}]}`:                                       "no CA certificate",
		`{` + context + `,"clusters":[{"name":"k","cluster":{"certificate-authority":"/nonexistent"}}]}`: "/nonexistent",
	}
	for content, expected := range kubeconfigs {
		if _, err := newCredentials(write(content)); err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("kubeconfig %q gave %v, expected %q", content, err, expected)
		}
	}
	lists := map[string]string{
		`endpoints: []`:                   "expected {",
		`{"endpoints":[]}`:                "is empty",
		`{"endpoints":["10.0.0.1"]}`:      "expected host:port",
		`{"endpoints":["10.0.0.1:0"]}`:    "expected host:port",
		`{"endpoints":[":6443"]}`:         "expected host:port",
		`{"endpoints":["10.0.0.1:6443:"]`: "expected {",
	}
	for content, expected := range lists {
		if _, err := loadEndpoints(write(content)); err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("list %q gave %v, expected %q", content, err, expected)
		}
	}
	arguments := map[string]string{
		"": "must name files",
		"--endpoints a --kubeconfig b --refresh-interval 1s": "at least 15s",
		"--endpoints a --kubeconfig b c":                     `unexpected argument "c"`,
		"--nonsense":                                         "nonsense",
	}
	for args, expected := range arguments {
		if _, err := parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("arguments %q gave %v, expected %q", args, err, expected)
		}
	}
}

func TestTheServiceManagerIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	defer listener.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	notify("READY=1")
	got := make([]byte, 32)
	must(t, listener.SetReadDeadline(time.Now().Add(5*time.Second)))
	n, err := listener.Read(got)
	must(t, err)
	if string(got[:n]) != "READY=1" {
		t.Fatalf("told %q, expected READY=1", got[:n])
	}
}
