// Calls one verb of CNI through libcni, as container runtimes do: reads a request on stdin, prints an answer on stdout, both JSON.
// A plugin's refusal is an answer with exit code 0; exit code 1 means that nothing could be asked.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

// Longer than the shim waits for an agent, so that its own answer is seen.
const timeout = 40 * time.Second

type request struct {
	// ADD, CHECK, DEL, GC, STATUS, or VALIDATE: VERSION of every plugin of the list, as CRI-O asks it.
	Verb           string                 `json:"verb"`
	Conflist       string                 `json:"conflist"`
	BinDirs        []string               `json:"binDirs"`
	CacheDir       string                 `json:"cacheDir"`
	ContainerID    string                 `json:"containerId"`
	NetNS          string                 `json:"netns"`
	IfName         string                 `json:"ifname"`
	Args           [][2]string            `json:"args"`
	CapabilityArgs map[string]interface{} `json:"capabilityArgs"`
	// For GC. Absent: no arguments at all; null: Go's nil slice; a list: that list.
	ValidAttachments json.RawMessage `json:"validAttachments"`
}

type failure struct {
	// 0 when the error is none of a plugin.
	Code    uint   `json:"code"`
	Msg     string `json:"msg"`
	Details string `json:"details"`
	// The whole error as a runtime would log it.
	Text string `json:"text"`
}

type answer struct {
	Result types.Result `json:"result,omitempty"`
	Error  *failure     `json:"error,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "libcni driver: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return fmt.Errorf("cannot decode request: %w", err)
	}
	list, err := libcni.NetworkConfFromFile(asked.Conflist)
	if err != nil {
		return err
	}
	call, err := callOf(asked)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	result, err := call(ctx, libcni.NewCNIConfigWithCacheDir(asked.BinDirs, asked.CacheDir, nil), list)
	return json.NewEncoder(os.Stdout).Encode(answer{Result: result, Error: describe(err)})
}

type call func(context.Context, *libcni.CNIConfig, *libcni.NetworkConfigList) (types.Result, error)

func callOf(asked request) (call, error) {
	runtime := &libcni.RuntimeConf{
		ContainerID:    asked.ContainerID,
		NetNS:          asked.NetNS,
		IfName:         asked.IfName,
		Args:           asked.Args,
		CapabilityArgs: asked.CapabilityArgs,
	}
	switch asked.Verb {
	case "ADD":
		return func(ctx context.Context, cni *libcni.CNIConfig, list *libcni.NetworkConfigList) (types.Result, error) {
			return cni.AddNetworkList(ctx, list, runtime)
		}, nil
	case "CHECK":
		return silent(func(ctx context.Context, cni *libcni.CNIConfig, list *libcni.NetworkConfigList) error {
			return cni.CheckNetworkList(ctx, list, runtime)
		}), nil
	case "DEL":
		return silent(func(ctx context.Context, cni *libcni.CNIConfig, list *libcni.NetworkConfigList) error {
			return cni.DelNetworkList(ctx, list, runtime)
		}), nil
	case "GC":
		args, err := gcArgs(asked.ValidAttachments)
		return silent(func(ctx context.Context, cni *libcni.CNIConfig, list *libcni.NetworkConfigList) error {
			return cni.GCNetworkList(ctx, list, args)
		}), err
	case "STATUS":
		return silent(func(ctx context.Context, cni *libcni.CNIConfig, list *libcni.NetworkConfigList) error {
			return cni.GetStatusNetworkList(ctx, list)
		}), nil
	case "VALIDATE":
		return silent(func(ctx context.Context, cni *libcni.CNIConfig, list *libcni.NetworkConfigList) error {
			_, err := cni.ValidateNetworkList(ctx, list)
			return err
		}), nil
	}
	return nil, fmt.Errorf("unknown verb %q", asked.Verb)
}

func silent(act func(context.Context, *libcni.CNIConfig, *libcni.NetworkConfigList) error) call {
	return func(ctx context.Context, cni *libcni.CNIConfig, list *libcni.NetworkConfigList) (types.Result, error) {
		return nil, act(ctx, cni, list)
	}
}

func gcArgs(given json.RawMessage) (*libcni.GCArgs, error) {
	if given == nil {
		return nil, nil
	}
	var args libcni.GCArgs
	if err := json.Unmarshal(given, &args.ValidAttachments); err != nil {
		return nil, fmt.Errorf("cannot decode validAttachments: %w", err)
	}
	return &args, nil
}

func describe(err error) *failure {
	if err == nil {
		return nil
	}
	var told *types.Error
	if errors.As(err, &told) {
		return &failure{Code: told.Code, Msg: told.Msg, Details: told.Details, Text: err.Error()}
	}
	return &failure{Msg: err.Error(), Text: err.Error()}
}
