package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vodcurator/events"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
)

// A script is a session of a person with the tool: testdata/scripts/NAME.txtar, each in a
// folder of its own. vodctl is this tool as a process of its own, so that a terminal (ttyin),
// a closed pipe and an interrupt are real ones. Beside testscript's own commands there are:
//
//	cloud [NAME=VALUE...]   a local cloud; its variables are the session's, and STATE is a new folder; CALLBACK=http: VOD calls back
//	functions [NAME=VALUE...] likewise, with the functions of s.yaml running in it
//	restart                 stops the cloud and starts it again, on what it kept: for one with KEPT=DIR
//	seed FILE               assets, a line of JSON each: seeded below; $name is the id of the one so named
//	generate N              N assets of chance
//	clock DURATION          moves the library's clock, and fires the timers on its way
//	tick NAME               a timer's tick for a function, at the library's time; stdout is its answer
//	bury REASON FILE        a dead letter
//	drained QUEUE           waits until a queue has no messages
//	ends CODE COMMAND...    the command ends with that code and no other
//	keep NAME REGEXP        $NAME is what the first group matches in stdout
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/scripts",
		Setup: func(e *testscript.Env) error {
			e.Values[session{}] = &session{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cloud": startCloud, "functions": startFunctions, "restart": restart, "seed": seed, "generate": generate, "clock": moveClock, "tick": tick, "bury": buryOne,
			"drained": drained, "ends": ends, "keep": keepMatch,
		},
	})
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"vodctl": main})
}

// scriptPrograms are the functions that scripts run.
var scriptPrograms localcloud.Programs

// session is what a script's own commands share.
type session struct {
	cloud   *localcloud.Cloud
	options *localcloud.Options
}

func cloudOf(ts *testscript.TestScript) *localcloud.Cloud {
	c := ts.Value(session{}).(*session).cloud
	if c == nil {
		ts.Fatalf("there is no cloud: say cloud or functions first")
	}
	return c
}

func startCloud(ts *testscript.TestScript, _ bool, args []string) {
	start(ts, localcloud.Options{}, args)
}

func startFunctions(ts *testscript.TestScript, _ bool, args []string) {
	root, err := filepath.Abs("../../..")
	ts.Check(err)
	text, err := os.ReadFile(filepath.Join(root, "s.yaml"))
	ts.Check(err)
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	ts.Check(err)
	manifest := string(text)
	for _, file := range mains {
		name := "functions/" + filepath.Base(filepath.Dir(file))
		built, err := scriptPrograms.Build(context.Background(), root, name)
		ts.Check(err)
		manifest = strings.ReplaceAll(manifest, "./"+name+"/target", filepath.Dir(built))
	}
	file := ts.MkAbs(".s.yaml")
	ts.Check(os.WriteFile(file, []byte(manifest), 0o600))
	start(ts, localcloud.Options{Manifest: file, Root: root}, args)
}

func start(ts *testscript.TestScript, opt localcloud.Options, set []string) {
	opt.Faults, opt.Pace = "none", 0.01
	opt.Env = map[string]string{"STATE": "file:" + ts.MkAbs("state"), "RATE_SHARE": "1", "TAGGING_MODE": "write"}
	for _, pair := range set {
		name, value, _ := strings.Cut(pair, "=")
		opt.Env[name] = value
	}
	opt.Callback = cmp.Or(opt.Env["CALLBACK"], "none")
	if dir := opt.Env["KEPT"]; dir != "" {
		opt.State = ts.MkAbs(dir)
	}
	startWith(ts, opt)
}

func restart(ts *testscript.TestScript, _ bool, _ []string) {
	cloudOf(ts).Close()
	startWith(ts, *ts.Value(session{}).(*session).options)
}

func startWith(ts *testscript.TestScript, opt localcloud.Options) {
	c, err := localcloud.Start(context.Background(), opt)
	ts.Check(err)
	ts.Defer(c.Close)
	*ts.Value(session{}).(*session) = session{c, &opt}
	for name, value := range c.Env() {
		ts.Setenv(name, value)
	}
}

// seeded is an asset as a script writes it. What it leaves out is what a good asset has.
type seeded struct {
	Name, Kind, Title, Tags, Status string
	Category                        int64
	Days                            int // since upload
	Size                            int64
	Seconds                         float64
	NoSource                        bool
	Streams                         []int // heights of complete ones
}

func seed(ts *testscript.TestScript, _ bool, args []string) {
	c := cloudOf(ts)
	for i, line := range strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n") {
		var one seeded
		ts.Check(json.Unmarshal([]byte(line), &one))
		at := c.Now().Add(-time.Duration(one.Days) * 24 * time.Hour).UTC().Truncate(time.Second)
		seconds := cmp.Or(one.Seconds, 60)
		a := fakevod.Asset{
			Kind: cmp.Or(one.Kind, "video"), Title: cmp.Or(one.Title, one.Name), Tags: one.Tags, Status: cmp.Or(one.Status, "Normal"), CateID: one.Category,
			Created: at, Modified: at, Size: cmp.Or(one.Size, 1_000_000), Duration: seconds,
		}
		if a.Kind != "image" && !one.NoSource {
			media := fakevod.Media{Format: "mp4", Size: a.Size, Duration: seconds, Width: 1280, Height: 720}
			a.Source = &fakevod.Source{Status: "Normal", FileName: one.Name + ".mp4", Created: at, Media: media}
		}
		for _, height := range one.Streams {
			a.Streams = append(a.Streams, fakevod.Stream{
				JobID: fmt.Sprintf("%s-%d", one.Name, height), Definition: map[int]string{2160: "4K", 720: "HD", 480: "SD"}[height], Format: "mp4", Codec: "h264",
				Size: a.Size * int64(height) / 1000, Width: height * 16 / 9, Height: height, FPS: 25, Bitrate: float64(height), Duration: seconds, Created: at,
			})
		}
		ts.Setenv(cmp.Or(one.Name, "asset"+strconv.Itoa(i+1)), c.VOD.Seed(a)[0])
	}
}

func generate(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(cloudOf(ts).VOD.Generate(n, 1))
}

func moveClock(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	cloudOf(ts).Advance(d)
}

func tick(ts *testscript.TestScript, neg bool, args []string) {
	c := cloudOf(ts)
	event, err := json.Marshal(map[string]string{"triggerTime": c.Now().UTC().Format(time.RFC3339), "triggerName": "nightly", "payload": ""})
	ts.Check(err)
	inv, err := c.FC.Invoke(context.Background(), args[0], event)
	ts.Check(err)
	_, _ = fmt.Fprintf(ts.Stdout(), "%s\n", inv.Result)
	if (inv.Error != "") != neg {
		ts.Fatalf("%s: %s: %s", args[0], inv.Error, inv.Result)
	}
}

func buryOne(ts *testscript.TestScript, _ bool, args []string) {
	body, err := events.EncodeDeadLetter(events.DeadLetter{Body: bytes.TrimSpace([]byte(ts.ReadFile(args[1]))), Reason: args[0], Attempts: 3})
	ts.Check(err)
	id, err := cloudOf(ts).MNS.Enqueue(ts.Getenv("DEAD_LETTER_QUEUE"), base64.StdEncoding.EncodeToString(body))
	ts.Check(err)
	ts.Setenv("letter", id)
}

func drained(ts *testscript.TestScript, _ bool, args []string) {
	c := cloudOf(ts)
	for range 400 {
		if s := c.MNS.Stats(args[0]); s.Active+s.Delayed+s.Inactive == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("after 20 s %s still has messages: %+v", args[0], c.MNS.Stats(args[0]))
}

func ends(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		code = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("it ended %d, not %d", code, want)
	}
}

func keepMatch(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 2 {
		ts.Fatalf("stdout does not match %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}
