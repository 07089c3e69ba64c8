package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// endpointsFile is the content of the --endpoints file.
type endpointsFile struct {
	Endpoints []string `json:"endpoints"`
}

// loadEndpoints returns the addresses of a file, sorted, each once.
func loadEndpoints(file string) ([]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the list of API servers: %w", err)
	}
	var parsed endpointsFile
	if err := json.Unmarshal(content, &parsed); err != nil {
		return nil, fmt.Errorf(`cannot read the list of API servers %s: expected {"endpoints":["10.0.0.1:6443"]}: %w`, file, err)
	}
	if len(parsed.Endpoints) == 0 {
		return nil, fmt.Errorf("the list of API servers %s is empty: expected at least one address", file)
	}
	for _, address := range parsed.Endpoints {
		if err := checkAddress(address); err != nil {
			return nil, fmt.Errorf("the list of API servers %s names %q: %w", file, address, err)
		}
	}
	return normal(parsed.Endpoints), nil
}

func normal(addresses []string) []string {
	sorted := slices.Clone(addresses)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("expected host:port: %w", err)
	}
	if number, err := strconv.Atoi(port); host == "" || err != nil || number < 1 || number > 65535 {
		return fmt.Errorf("expected host:port")
	}
	return nil
}

// storeEndpoints replaces the file in one step: a reader finds the old list or the new one, also after a crash.
func storeEndpoints(file string, addresses []string) error {
	content, err := json.Marshal(endpointsFile{Endpoints: addresses})
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(append(content, '\n'))
	if err == nil {
		err = temporary.Sync()
	}
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(file))
}

func syncDirectory(name string) error {
	directory, err := os.Open(name)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}
