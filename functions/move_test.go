package functions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// The built functions and vodctl move a library with their roles' rights, through lost answers,
// kills, a halt and holds that come behind the plan: what is listed and approved moves, nothing
// else does, and no call deletes. Calls are counted at the server.
func TestTheBuiltFunctionsMoveWhatAPersonApproved(t *testing.T) {
	c := cloud(t, localcloud.Options{Faults: "none", Env: map[string]string{"POLICY_FILE": "policy.yaml"}}, func(manifest string) string {
		before, tier, found := strings.Cut(manifest, "functionName: tier\n")
		require.True(t, found)
		return before + "functionName: tier\n" + strings.Replace(tier, "timeout: 3300", "timeout: 30", 1) // too short to wait for a lost answer: the next run looks
	})
	putPolicy(t, c, `holds: {tags: [keep]}
rules:
  - {name: gone, select: '"temp" in tags', older_than: 30d, remove: {video: true}}
  - {name: cool, older_than: 30d, move: {to: IA, scope: all}}
guards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}
moves: {guards: {count: 1000, percent: 100, unknown: 1000, bytes: 1TB}}
`)
	const n = 200
	seed := func(i int, age int, tags string) string {
		at := c.Now().AddDate(0, 0, -age).Add(time.Duration(i) * time.Second)
		return c.VOD.Seed(fakevod.Asset{Kind: "video", Title: fmt.Sprint("v", i), Tags: tags, Status: "Normal", Created: at, Modified: at, Size: 1 << 20, Duration: 60,
			Source: &fakevod.Source{Status: "Normal", FileName: "x.mp4", Created: at, Media: fakevod.Media{Size: 1 << 20, Duration: 60, Width: 1280, Height: 720}}})[0]
	}
	var listed, others []string
	for i := range n {
		listed = append(listed, seed(i, 60, "x"))
	}
	for i := range 5 {
		others = append(others, seed(i, 60, "keep"), seed(i, 3, "x"), seed(i, 60, "temp"))
	}
	var night struct {
		Plan  string
		Moves struct {
			Plan  string
			Items int
		}
	}
	require.NoError(t, json.Unmarshal([]byte(tick(t, c, "purgeplan")), &night))
	require.Equal(t, n, night.Moves.Items)
	out, err := vodctl(t, c, "operator-policy.json", "plan", "show")
	require.NoError(t, err, out)
	require.Contains(t, out, fmt.Sprintf("Plan %s moves 200 assets to IA", night.Moves.Plan))
	require.Contains(t, tick(t, c, "tier"), `"status":"waiting"`)
	moves := func() int { return c.VOD.Log().Count("UpdateMediaStorageClass") }
	require.Zero(t, moves())
	out, err = vodctl(t, c, "operator-policy.json", "approve", night.Moves.Plan, "--yes")
	require.NoError(t, err, out)

	env := c.Env()
	cms, err := vod.New(vod.Config{Region: env["ALIBABA_CLOUD_REGION"], Endpoint: env["VOD_ENDPOINT"],
		Credentials: vod.Static(env["ALIBABA_CLOUD_ACCESS_KEY_ID"], env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], "")})
	require.NoError(t, err)
	t.Cleanup(cms.Close)
	held := listed[:4]
	for _, id := range held {
		require.NoError(t, outcome(cms.Update(context.Background(), []video.Update{{ID: video.ID(id), Tags: &[]string{"x", "keep"}}})))
	}
	out, err = vodctl(t, c, "operator-policy.json", "halt", "--reason", "wait")
	require.NoError(t, err, out)
	tick(t, c, "tier")
	require.Zero(t, moves(), "halted")
	out, err = vodctl(t, c, "operator-policy.json", "resume")
	require.NoError(t, err, out)

	faults, err := localcloud.ParseFaults("vod UpdateMediaStorageClass reset-after p=0.3\nvod UpdateMediaStorageClass reset p=0.2")
	require.NoError(t, err)
	kills := 0
	for run := 0; ; run++ {
		require.Less(t, run, 40)
		c.SetFaults()
		stop := func() {}
		switch {
		case run < 2: // its process dies as soon as the library has a call
			before := moves()
			stop = when(func() bool { return moves() > before }, func() { c.FC.Kill("tier"); kills++ })
		case run < 5:
			c.SetFaults(faults...)
		}
		c.Advance(time.Hour)
		ended := strings.Contains(string(invoke(t, c, "tier").Result), `"status":"ended"`)
		if stop(); ended {
			break
		}
		status, err := vodctl(t, c, "operator-policy.json", "plan", "show", night.Moves.Plan)
		require.NoError(t, err, status)
		if strings.Contains(status, "Status: ended") {
			break
		}
	}
	require.Positive(t, kills)
	require.NoError(t, c.VOD.Settle(t.Context()))
	in := map[string]int{}
	for _, id := range slices.Concat(listed, others) {
		a, there := c.VOD.Lookup(id)
		require.True(t, there)
		class := a.StorageClass
		if class == "" {
			class = "Standard"
		}
		in[class]++
		moved := class == "IA"
		require.Equal(t, slices.Contains(listed, id) && !slices.Contains(held, id), moved, "%s %s", id, a.Title)
	}
	for _, op := range []string{"DeleteVideo", "DeleteStream", "DeleteMezzanines", "DeleteImage"} {
		require.Zero(t, c.VOD.Log().Count(op), op)
	}
	for _, call := range c.OSS.Calls() {
		require.NotEqual(t, 403, call.Status, "%+v", call)
	}
	out, err = vodctl(t, c, "operator-policy.json", "ledger", "verify")
	require.NoError(t, err, out)
	require.Contains(t, out, "0 items removed, 196 moved, 0 open")
	out, err = vodctl(t, c, "operator-policy.json", "ledger", "reconcile")
	require.NoError(t, err, out)
	t.Logf("%d assets, %v; %d move calls at the server, %d kills, outside of the plan 0, held 0, deletes 0", n+len(others), in, moves(), kills)
}

// when does something once, as soon as the moment has come, and not at all after stop.
func when(moment func() bool, do func()) (stop func()) {
	end, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for !moment() {
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
			}
		}
		do()
	}()
	return func() { close(end); <-gone }
}
