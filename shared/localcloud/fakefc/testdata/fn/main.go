// Command fn is the function that the tests of the local cloud run: its event tells
// it what to do.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
)

var initialized, served int

func main() {
	if len(os.Args) == 3 { // a child
		n, _ := strconv.Atoi(os.Args[2])
		eat(n)
		time.Sleep(time.Minute)
	}
	if os.Getenv("AT_START") == "exit" {
		os.Exit(3)
	}
	if os.Getenv("AT_START") == "sleep" {
		time.Sleep(time.Hour)
	}
	fc.RegisterInitializerFunction(func(context.Context) {
		if os.Getenv("AT_INIT") == "panic" {
			panic("no luck")
		}
		initialized++
	})
	fc.RegisterPreStopFunction(func(context.Context) {
		if file := os.Getenv("PRESTOP_FILE"); file != "" {
			_ = os.WriteFile(file, []byte("stopped"), 0o600)
		}
		if os.Getenv("AT_STOP") == "hang" {
			time.Sleep(time.Hour)
		}
	})
	fc.Start(handle)
}

// eat uses memory, each page of it.
func eat(n int) {
	b := make([]byte, n)
	for i := 0; i < n; i += 1 << 10 {
		b[i] = 1
	}
	runtime.KeepAlive(b)
}

func handle(ctx context.Context, raw []byte) (any, error) {
	served++
	if file := os.Getenv("EVENTS_FILE"); file != "" {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		_, err = f.Write(append(raw, '\n'))
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	var do struct {
		Do    string
		Body  string
		Bytes int
	}
	_ = json.Unmarshal(raw, &do)
	if do.Body != "" { // an HTTP event: what to do stands in its body
		_ = json.Unmarshal([]byte(do.Body), &do)
	}
	switch do.Do {
	case "fail":
		return nil, errors.New("as you wish")
	case "failfile": // fails once: for retries
		if _, err := os.Stat(os.Getenv("EVENTS_FILE") + ".failed"); err != nil {
			_ = os.WriteFile(os.Getenv("EVENTS_FILE")+".failed", nil, 0o600)
			return nil, errors.New("the first time")
		}
	case "panic":
		panic("as you wish")
	case "exit":
		os.Exit(7)
	case "hang":
		time.Sleep(time.Hour)
	case "doze":
		time.Sleep(300 * time.Millisecond)
	case "eat": // so many bytes, and gives them back
		eat(do.Bytes)
		debug.FreeOSMemory()
	case "child": // eats them
		return nil, exec.CommandContext(ctx, os.Args[0], "eat", strconv.Itoa(do.Bytes)).Run()
	case "log":
		line := strings.Repeat("x", 1023) + "\n"
		for n := 0; n < do.Bytes; n += len(line) {
			fmt.Print(line)
		}
	case "http":
		return map[string]any{"statusCode": 201, "headers": map[string]string{"X-Made": "yes" + strings.Repeat("x", do.Bytes)}, "body": "made"}, nil
	case "env":
		return os.Environ(), nil
	}
	if os.Getenv("ALWAYS") == "fail" {
		return nil, errors.New("always")
	}
	fmt.Println("a line of log")
	about, _ := fccontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"event": string(raw), "context": about, "initialized": initialized, "served": served, "pid": os.Getpid(),
		"left": int(time.Until(deadline).Seconds()),
	}, nil
}
