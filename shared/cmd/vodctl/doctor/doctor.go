// Package doctor examines an installation: it compares what the account has with what the
// functions need, and says for each thing whether it is right, what was seen and what to do.
//
// It makes no call that writes. What cannot be asked is a doubt, never a health; one check that
// fails stops no other; each has a time by which it ends.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/account"
	"vodcurator/shared/boot"
	"vodcurator/shared/manifest"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// Health is what a check came to.
type Health string

// The healths.
const (
	OK    Health = "ok"
	Doubt Health = "doubt" // it could not be asked, or a person has to judge
	Fault Health = "fault"
)

// Finding is what a check says of one thing.
type Finding struct {
	Check  string `json:"check"`
	Health Health `json:"health"`
	Seen   string `json:"seen"`
	Do     string `json:"do,omitempty"` // empty where nothing is to be done
}

// Options say what is examined. App and Manifest are as the environment here and an s.yaml
// have them; where one cannot be had, its error says why.
type Options struct {
	App           *boot.App
	Bad           error // why there is no App
	Env           func(name string) string
	Manifest      manifest.Manifest
	ManifestError error
	Log           *slog.Logger
}

// Patient is what is examined. Its methods may be called concurrently.
type Patient struct {
	Options
	around *account.Client

	deployed map[string]*once[account.Function]
	streams  *once[[]account.Stream]
	state    *once[*state.Store]
	callback *once[vod.Callback]
}

// once asks a thing once for all checks.
type once[T any] struct {
	ask  func(ctx context.Context) (T, error)
	mu   sync.Mutex
	done bool
	got  T
	err  error
}

func (o *once[T]) get(ctx context.Context) (T, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.done {
		o.got, o.err = o.ask(ctx)
		o.done = ctx.Err() == nil
	}
	return o.got, o.err
}

// New makes no call.
func New(o Options) *Patient {
	p := &Patient{Options: o, deployed: map[string]*once[account.Function]{}}
	if o.App == nil {
		return p
	}
	config := account.Config{Region: o.App.Scope.Region, Account: o.App.Scope.Account, Credentials: o.App.Credentials, Functions: o.Env("FUNCTIONS_ENDPOINT")}
	if local(config.Functions) { // the local cloud answers for all three there
		config.RAM, config.Events = config.Functions, config.Functions
	}
	p.around = account.New(config)
	for _, f := range o.Manifest.Functions {
		p.deployed[f.Name] = &once[account.Function]{ask: func(ctx context.Context) (account.Function, error) { return p.around.Function(ctx, f.Name) }}
	}
	p.streams = &once[[]account.Stream]{ask: p.around.Streams}
	p.callback = &once[vod.Callback]{ask: o.App.VOD.Callback}
	p.state = &once[*state.Store]{ask: func(ctx context.Context) (*state.Store, error) {
		return state.Open(ctx, o.App.Config.State, p.stateOptions())
	}}
	return p
}

// stateOptions open STATE for reading: nothing is created to find out.
func (p *Patient) stateOptions() state.Options {
	c := p.App.Config
	return state.Options{ReadOnly: true, Region: c.Scope.Region, Endpoint: c.OSSEndpoint, Credentials: c.Credentials, Owner: c.Scope.Account}
}

// Close gives back what the examination held.
func (p *Patient) Close() {
	if p.around != nil {
		p.around.Close()
	}
}

// local says that an address is of this machine.
func local(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// limit is how long a check may take.
const limit = 30 * time.Second

// check looks at one thing. Its findings bear its name, or its name and what it is about.
type check struct {
	name string
	look func(ctx context.Context, p *Patient) []Finding
	far  bool // it asks the account, so that credentials must be good
}

// checks are all there are, in the order in which they are shown. Whoever adds one adds its
// fault to the table in doctor_test.go.
var checks = []check{
	{"environment", environment, false},
	{"manifest", manifestCheck, false},
	{"credentials", credentials, false},
	{"clock", clock, false},
	{"vod", reachVOD, true},
	{"callback", callback, true},
	{"queue", queues, true},
	{"dead letters", deadLetters, true},
	{"stream", streams, true},
	{"function", deployed, true},
	{"role", roles, true},
	{"state", place, false},
	{"objects", inState(objects), false},
	{"halt", inState(halt), false},
	{"plan", inState(dated(plans)), false},
	{"sweep", inState(dated(sweep)), false},
	{"rules", rules, false},
	{"policy", policy, false},
	{"rate", rate, false},
	{"notices", notices, false},
}

// Examine makes all checks at a time and gives their findings in order.
func (p *Patient) Examine(ctx context.Context) []Finding {
	found := make([][]Finding, len(checks))
	keys := make(chan Health, 1)
	var all sync.WaitGroup
	health := sync.OnceValue(func() Health { return <-keys })
	for i, c := range checks {
		all.Go(func() {
			if c.far && health() != OK {
				found[i] = []Finding{{Check: c.name, Health: Doubt, Seen: "not asked", Do: "mend environment and credentials first"}}
				return
			}
			found[i] = p.one(ctx, c)
			if c.name == "credentials" {
				keys <- usable(found[i])
			}
		})
	}
	all.Wait()
	var flat []Finding
	for _, f := range found {
		flat = append(flat, f...)
	}
	return flat
}

// usable says whether the account can be asked with these credentials.
func usable(found []Finding) Health {
	for _, f := range found {
		if f.Health == Fault {
			return Fault
		}
	}
	return OK
}

func (p *Patient) one(ctx context.Context, c check) (found []Finding) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if p.App == nil && c.name != "environment" && c.name != "manifest" {
		return []Finding{{Check: c.name, Health: notAsked(c), Seen: "not asked", Do: "mend the environment first"}}
	}
	found = c.look(ctx, p)
	for i, f := range found {
		found[i].Check = strings.TrimSpace(c.name + " " + f.Check)
	}
	return found
}

// notAsked makes credentials that nobody could look at keep the account from being asked.
func notAsked(c check) Health {
	if c.name == "credentials" {
		return Fault
	}
	return Doubt
}

func ok(format string, args ...any) Finding {
	return Finding{Health: OK, Seen: fmt.Sprintf(format, args...)}
}

func doubt(do, format string, args ...any) Finding {
	return Finding{Health: Doubt, Seen: fmt.Sprintf(format, args...), Do: do}
}

func fault(do, format string, args ...any) Finding {
	return Finding{Health: Fault, Seen: fmt.Sprintf(format, args...), Do: do}
}

// of says which thing a finding is about.
func (f Finding) of(what string) Finding {
	f.Check = what
	return f
}

// unasked is a thing that could not be asked, with the right that is missing where one is.
func unasked(err error, right string) Finding {
	var api *vod.Error
	var mns *queue.Error
	var around *account.Error
	switch {
	case errors.As(err, &api):
		right = "vod:" + api.Op
	case errors.As(err, &around):
		right = around.Right
	case errors.As(err, &mns) && right == "":
		right = "mns:GetQueueAttributes"
	}
	switch {
	case errors.Is(err, video.ErrForbidden):
		return doubt(fmt.Sprintf("give these credentials the right %s; functions/doctor-policy.json has all that is read here", right), "cannot be asked: %v", err)
	case errors.Is(err, context.DeadlineExceeded):
		return doubt("try again; if it stays so, check endpoint and network", "no answer in %s", limit)
	}
	return doubt("try again; if it stays so, check endpoint and network", "cannot be asked: %v", err)
}

// ago words how long ago something was.
func ago(d time.Duration) string {
	switch d = d.Abs(); {
	case d >= 48*time.Hour:
		return report.Count(int(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return report.Count(int(d/time.Hour), "hour")
	case d >= 2*time.Minute:
		return report.Count(int(d/time.Minute), "minute")
	}
	return d.Round(time.Second).String()
}

// few names the first of many.
func few(all []string) string {
	const most = 3
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}
