// Command forms is a function in every form that the runtime's SDK takes: FORM says
// which. The conformance tests build and invoke it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
)

type greeting struct{ Name string }

// invoker has the method that StartHandler promises to call and the SDK does not.
type invoker struct{}

func (invoker) Invoke(context.Context, []byte) ([]byte, error) { return []byte("1"), nil }

var initialized int

var errWrapped = errors.New("inner")

// forms are handlers by name.
var forms = map[string]any{
	"func()":             func() {},
	"func() error":       func() error { return nil },
	"func([]byte) error": func([]byte) error { return nil },
	"func() (T, error)":  func() (greeting, error) { return greeting{"me"}, nil },
	"func(T) (T, error)": func(in greeting) (greeting, error) { return in, nil },
	"func(ctx) error":    func(context.Context) error { return nil },
	"func(ctx) (T, error)": func(ctx context.Context) (int, error) {
		d, _ := ctx.Deadline()
		return int(time.Until(d).Seconds() + 0.5), nil
	},
	"func(ctx, T) error":         func(context.Context, greeting) error { return nil },
	"func(ctx, T) (T, error)":    func(_ context.Context, in greeting) (greeting, error) { return greeting{"hello " + in.Name}, nil },
	"func(ctx, []byte) ([]byte)": func(_ context.Context, in []byte) ([]byte, error) { return in, nil },
	"func(ctx, string) string":   func(_ context.Context, in string) (string, error) { return in, nil },
	"func(ctx, raw) raw":         func(_ context.Context, in json.RawMessage) (json.RawMessage, error) { return in, nil },
	"func(ctx, map) any":         func(_ context.Context, in map[string]any) (any, error) { return in["a"], nil },
	"context of the invocation":  func(ctx context.Context) (any, error) { about, _ := fccontext.FromContext(ctx); return about, nil },
	"error: plain":               func() error { return errors.New("as it is") },
	"error: wrapped":             func() error { return fmt.Errorf("outer: %w", errWrapped) },
	"panic: text":                func() { panic("boom") },
	"panic: error":               func() { panic(errWrapped) },
	"result that is no JSON":     func() (any, error) { return make(chan int), nil },
	"wrong: three arguments":     func(context.Context, int, int) {},
	"wrong: two without context": func(int, int) {},
	"wrong: three results":       func() (int, int, error) { return 1, 2, nil },
	"wrong: last is no error":    func() (int, int) { return 1, 2 },
	"wrong: no function":         "text",
	"hooks: initializer":         func() (int, error) { return initialized, nil },
	"hooks: initializer panics":  func() {},
	"hooks: preStop":             func() {},
	"hooks: not registered":      func() {},
	"process exits":              func() { os.Exit(3) },
	"HTTP event":                 answered,
	"log":                        func() { fmt.Println("a line of log") },
}

// answered is the answer to an HTTP event: what it says of the request, and headers of the
// length that the query asks for.
func answered(in struct {
	RawPath, Body   string
	IsBase64Encoded bool
	Headers         map[string]string
	QueryParameters map[string]string
}) (any, error) {
	body, err := json.Marshal(in)
	n, _ := strconv.Atoi(in.QueryParameters["headers"])
	return map[string]any{"statusCode": 201, "body": string(body), "headers": map[string]string{"X-Long": strings.Repeat("x", n), "X-Fc-Own": "x", "Server": "x"}}, err
}

func main() {
	form := os.Getenv("FORM")
	if form != "hooks: not registered" {
		fc.RegisterInitializerFunction(func(context.Context) {
			if form == "hooks: initializer panics" {
				panic("no luck")
			}
			initialized++
		})
	}
	fc.RegisterPreStopFunction(func(context.Context) {
		if file := os.Getenv("STOPPED"); file != "" {
			_ = os.WriteFile(file, []byte("stopped"), 0o600) // the test sees that it is missing
		}
	})
	if form == "StartHandler" {
		fc.StartHandler(invoker{})
	}
	fc.Start(forms[form])
}
