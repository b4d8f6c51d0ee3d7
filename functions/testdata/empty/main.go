// Command empty is the least that Function Compute's go1 runtime runs: what our functions'
// cold starts are measured beside.
package main

import (
	"context"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
)

func main() {
	fc.Start(func(context.Context, []byte) (string, error) { return "ok", nil })
}
