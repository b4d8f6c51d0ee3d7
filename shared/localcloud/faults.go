package localcloud

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/localcloud/calls"
)

// Fault is one rule of what goes wrong. Its text form, a line of a fault file, is
//
//	service operation kind [p=0.1] [n=3] [delay=2s] [about=text] [status=503] [code=Word]
//
// where service is vod, mns, oss or functions, and service and operation may hold *.
// VOD's notifications are operations callback:<EventType>, the end of a change of storage
// class and of a restore later:UpdateMediaStorageClass and later:RestoreMedia; those of functions are the
// kinds of invocation (invoke, http, timer, queue, topic) and batch.
type Fault struct {
	Service, Op string
	Kind        string
	Probability float64       // of each call that fits; default 1
	Count       int           // how often at most; 0: no limit
	Delay       time.Duration // how slow, or when within the call
	About       string        // part of what the call is about: an id, a queue, a bucket/key, a function
	Status      int           // instead of the kind's own
	Code        string
}

// kinds are the faults that can be asked for.
var faultKinds = map[string]struct {
	what   string
	status int // of the error that is answered; 0 none
	fault  calls.Fault
	delay  time.Duration // unless one is given
}{
	"throttle":      {"the service's answer to too many calls", http.StatusTooManyRequests, calls.Fault{}, 0},
	"error":         {"an internal error, without effect", http.StatusInternalServerError, calls.Fault{}, 0},
	"error-after":   {"an internal error, after the effect", http.StatusInternalServerError, calls.Fault{After: true}, 0},
	"unavailable":   {"503, without effect", http.StatusServiceUnavailable, calls.Fault{}, 0},
	"reset":         {"a cut connection, without effect", 0, calls.Fault{Reset: true}, 0},
	"reset-after":   {"a cut connection, after the effect", 0, calls.Fault{Reset: true, After: true}, 0},
	"timeout":       {"silence, then a cut connection, without effect", 0, calls.Fault{Reset: true}, 30 * time.Second},
	"timeout-after": {"silence, then a cut connection, after the effect", 0, calls.Fault{Reset: true, After: true}, 30 * time.Second},
	"slow":          {"a late answer", 0, calls.Fault{}, time.Second},
	"stale":         {"a read from an older state", 0, calls.Fault{Stale: true}, 0},
	"duplicate":     {"messages, notifications and invocations that come twice", 0, calls.Fault{Duplicate: true, After: true}, 0},
	"reorder":       {"messages in another order", 0, calls.Fault{Reorder: true}, 0},
	"empty":         {"a receive that ends early, with nothing", 0, calls.Fault{Empty: true}, 0},
	"expired":       {"receipt handles that have just expired", 0, calls.Fault{Expired: true}, 0},
	"lost":          {"a notification that never comes", http.StatusInternalServerError, calls.Fault{}, 0},
	"kill":          {"the end of a function's process, after the delay", 0, calls.Fault{Kill: true}, 0},
	"stall":         {"a function's process that stops, for the delay or until its time-out", 0, calls.Fault{Stall: true}, 0},
}

// words are the codes in which each service says it.
var words = map[string]map[int][2]string{
	"vod": {
		429: {"Throttling.User", "Request was denied due to user flow control."},
		500: {"InternalError", "The request processing has failed due to some unknown error."},
		503: {"ServiceUnavailable", "The request has failed due to a temporary failure of the server."},
	},
	"mns": {
		429: {"TooManyRequests", "The request is denied by cluster flow limiter for too many requests."},
		500: {"InternalError", "Interal error."},
		503: {"InternalServerError", "The server is busy."},
	},
	"oss": {
		429: {"QpsLimitExceeded", "The request rate is too high."},
		500: {"InternalError", "We encountered an internal error. Please try again."},
		503: {"ServiceUnavailable", "Please reduce your request rate."},
	},
	"functions": {
		429: {"ResourceExhausted", "too many instances"},
		500: {"InternalServerError", "an internal error has occurred"},
		503: {"ResourceThrottled", "the request was throttled"},
	},
}

// ParseFaults reads faults, a line each; empty lines and those that begin with # are
// passed over. Every line that is wrong is told.
func ParseFaults(text string) ([]Fault, error) {
	var out []Fault
	var errs []error
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f, err := parseFault(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		out = append(out, f)
	}
	return out, errors.Join(append(errs, lines.Err())...)
}

func parseFault(line string) (Fault, error) {
	words := strings.Fields(line)
	if len(words) < 3 {
		return Fault{}, fmt.Errorf("%q: service, operation and kind are needed", line)
	}
	f := Fault{Service: words[0], Op: words[1], Kind: words[2], Probability: 1}
	kind, ok := faultKinds[f.Kind]
	if !ok {
		return f, fmt.Errorf("kind %q is none of %s", f.Kind, strings.Join(slices.Sorted(maps.Keys(faultKinds)), ", "))
	}
	for _, pattern := range words[:2] {
		if _, err := path.Match(pattern, ""); err != nil {
			return f, fmt.Errorf("%q: %w", pattern, err)
		}
	}
	f.Delay = kind.delay
	for _, w := range words[3:] {
		name, value, _ := strings.Cut(w, "=")
		if err := f.set(name, value); err != nil {
			return f, fmt.Errorf("%q: %w", w, err)
		}
	}
	return f, nil
}

// set reads one NAME=VALUE of a rule.
func (f *Fault) set(name, value string) (err error) {
	switch name {
	case "p":
		f.Probability, err = strconv.ParseFloat(value, 64)
		if err == nil && !(f.Probability >= 0 && f.Probability <= 1) {
			err = errors.New("a probability lies between 0 and 1")
		}
	case "n":
		f.Count, err = strconv.Atoi(value)
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	case "about":
		f.About = value
	case "status":
		f.Status, err = strconv.Atoi(value)
	case "code":
		f.Code = value
	default:
		err = errors.New("none of p, n, delay, about, status, code")
	}
	return err
}

func (f Fault) String() string {
	s := fmt.Sprintf("%s %s %s p=%g", f.Service, f.Op, f.Kind, f.Probability)
	if f.Count > 0 {
		s += fmt.Sprintf(" n=%d", f.Count)
	}
	if f.Delay > 0 {
		s += " delay=" + f.Delay.String()
	}
	if f.About != "" {
		s += " about=" + f.About
	}
	if f.Status > 0 {
		s += fmt.Sprintf(" status=%d", f.Status)
	}
	if f.Code != "" {
		s += " code=" + f.Code
	}
	return s
}

// faults draws from one seeded stream for every call.
type faults struct {
	mu    sync.Mutex
	rng   *rand.Rand
	rules []*faultRule
}

type faultRule struct {
	Fault
	hits int
}

func newFaults(seed uint64) *faults {
	return &faults{rng: rand.New(rand.NewPCG(seed, 0x6661756c7473))}
}

// hook is what a service asks at each call. The first rule that fits and is drawn
// decides.
func (fs *faults) hook(service string) calls.Hook {
	return func(op, _, detail string) calls.Fault {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		for _, r := range fs.rules {
			if r.fits(service, op, detail) && (r.Count == 0 || r.hits < r.Count) && fs.rng.Float64() < r.Probability {
				r.hits++
				return r.of(service)
			}
		}
		return calls.Fault{}
	}
}

func (f Fault) fits(service, op, detail string) bool {
	a, _ := path.Match(f.Service, service)
	b, _ := path.Match(f.Op, op)
	// A * for every operation means those that clients call, not what follows from them.
	return a && b && strings.Contains(detail, f.About) && (f.Op != "*" || !strings.Contains(op, ":"))
}

// of is the fault in a service's own words.
func (f Fault) of(service string) calls.Fault {
	kind := faultKinds[f.Kind]
	out := kind.fault
	out.Delay = f.Delay
	if status := kind.status; status != 0 {
		w := words[service][status]
		out.Status, out.Code, out.Message = status, w[0], w[1]
		if service == "vod" && status == http.StatusTooManyRequests {
			out.Status = http.StatusBadRequest // its throttling is a 400
		}
		if f.Status != 0 {
			out.Status = f.Status
		}
		if f.Code != "" {
			out.Code = f.Code
		}
	}
	return out
}

// SetFaults puts these rules in the place of those there were; none: all goes well.
func (c *Cloud) SetFaults(rules ...Fault) {
	c.faults.mu.Lock()
	defer c.faults.mu.Unlock()
	c.faults.rules = nil
	for _, r := range rules {
		c.faults.rules = append(c.faults.rules, &faultRule{Fault: r})
	}
}

// FaultStatus is a rule, as text, and how often it was applied.
type FaultStatus struct {
	Rule string
	Hits int
}

// Faults answers the rules in force.
func (c *Cloud) Faults() []FaultStatus {
	c.faults.mu.Lock()
	defer c.faults.mu.Unlock()
	out := []FaultStatus{}
	for _, r := range c.faults.rules {
		out = append(out, FaultStatus{r.String(), r.hits})
	}
	return out
}
