// Command hooktool is every hook tool of a charm: one static program, called by many names.
//
// It decides nothing. Its name, arguments and working directory (and the input, for a tool that reads it) go as one
// frame to the unit agent's socket; the answer is printed. Called as juju-exec or juju-run, it asks the agent to run
// a command in a unit's hook context instead.
//
// Frame, both ways: length of the JSON in 4 bytes (big endian), then the JSON.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
)

const maxFrame = 64 << 20

type request struct {
	Context string            `json:"context"`
	Argv    []string          `json:"argv"`
	Cwd     string            `json:"cwd"`
	Env     map[string]string `json:"env,omitempty"`
	// absent when there was nothing to read
	Stdin *string `json:"stdin,omitempty"`
}

type response struct {
	Stdout   string `json:"stdout"`
	Stderr   string `json:"stderr"`
	ExitCode int    `json:"exitCode"`
	// the agent wants standard input before it can answer
	NeedStdin bool `json:"needStdin"`
}

func main() {
	name := filepath.Base(os.Args[0])
	if name == "juju-exec" || name == "juju-run" {
		os.Exit(execute(name, os.Args[1:]))
	}
	os.Exit(tool(name, os.Args[1:]))
}

// tool runs a hook tool in the context that the environment names.
func tool(name string, args []string) int {
	context := os.Getenv("JUJU_CONTEXT_ID")
	if context == "" {
		return fail("JUJU_CONTEXT_ID not set")
	}
	address := os.Getenv("JUJU_AGENT_SOCKET_ADDRESS")
	if address == "" {
		return fail("JUJU_AGENT_SOCKET_ADDRESS not set")
	}
	cwd, err := os.Getwd()
	if err != nil {
		return fail("cannot find the working directory: %v", err)
	}
	req := request{Context: context, Argv: append([]string{name}, args...), Cwd: cwd}
	answer, err := ask(address, &req)
	if err != nil {
		return fail("%v", err)
	}
	if answer.NeedStdin {
		input, err := io.ReadAll(os.Stdin)
		if err != nil {
			return fail("cannot read standard input: %v", err)
		}
		text := string(input)
		req.Stdin = &text
		if answer, err = ask(address, &req); err != nil {
			return fail("%v", err)
		}
	}
	return print(answer)
}

// execute is juju-exec [--unit] UNIT COMMAND…, for scripts on the machine that are not hooks.
func execute(name string, args []string) int {
	if os.Getenv("JUJU_CONTEXT_ID") != "" {
		// It would wait for the hook that waits for it.
		return fail("%s cannot be called from within a hook", name)
	}
	unit := ""
	rest := args
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") && unit == "" {
		flag := strings.TrimLeft(rest[0], "-")
		switch {
		case flag == "":
			rest = rest[1:]
		case flag == "unit" || flag == "u":
			if len(rest) < 2 {
				return usage(name)
			}
			unit, rest = rest[1], rest[2:]
		case strings.HasPrefix(flag, "unit="):
			unit, rest = strings.TrimPrefix(flag, "unit="), rest[1:]
		case flag == "help" || flag == "h":
			fmt.Printf("usage: %s [--unit] UNIT COMMAND…\n", name)
			return 0
		default:
			fmt.Fprintf(os.Stderr, "ERROR option provided but not defined: %s\n", rest[0])
			return 2
		}
	}
	if unit == "" && len(rest) > 0 {
		unit, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	if unit == "" || len(rest) == 0 {
		return usage(name)
	}
	tag := unit
	if !strings.HasPrefix(tag, "unit-") {
		tag = "unit-" + strings.ReplaceAll(unit, "/", "-")
	}
	// Arguments are one shell text, as juju takes them: `juju-exec app/0 'a && b'` and `juju-exec app/0 ls -l`.
	req := request{Argv: []string{name, unit, strings.Join(rest, " ")}}
	answer, err := ask("/var/lib/juju/agents/"+tag+"/run.socket", &req)
	if err != nil {
		return fail("cannot run commands in the context of %q: %v", unit, err)
	}
	return print(answer)
}

func usage(name string) int {
	fmt.Fprintf(os.Stderr, "ERROR expected: %s [--unit] UNIT COMMAND…\n", name)
	return 2
}

// ask sends one frame and reads one.
func ask(address string, req *request) (*response, error) {
	conn, err := net.Dial("unix", address)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the unit agent: %w", err)
	}
	defer conn.Close()
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	frame := make([]byte, 4, 4+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	if _, err := conn.Write(append(frame, body...)); err != nil {
		return nil, fmt.Errorf("cannot send to the unit agent: %w", err)
	}
	var size uint32
	if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
		return nil, fmt.Errorf("the unit agent gave no answer: %w", err)
	}
	if size > maxFrame {
		return nil, fmt.Errorf("the unit agent's answer of %d bytes is larger than %d", size, maxFrame)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(conn, data); err != nil {
		return nil, fmt.Errorf("the unit agent's answer broke off: %w", err)
	}
	var answer response
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("cannot read the unit agent's answer: %w", err)
	}
	return &answer, nil
}

func print(answer *response) int {
	os.Stderr.WriteString(answer.Stderr)
	os.Stdout.WriteString(answer.Stdout)
	return answer.ExitCode
}

func fail(format string, args ...any) int {
	fmt.Fprintf(os.Stderr, "ERROR "+format+"\n", args...)
	return 1
}
