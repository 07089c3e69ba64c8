package main

import (
	"net"
	"os"
	"strings"
)

// notify tells the service manager how the service does, if it asked to be told (sd_notify).
func notify(message string) {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return
	}
	if strings.HasPrefix(address, "@") { // an abstract socket
		address = "\x00" + address[1:]
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return // the service manager is away: it matters to nobody else
	}
	defer connection.Close()
	_, _ = connection.Write([]byte(message))
}
