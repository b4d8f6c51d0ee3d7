package boot

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// App is the configuration with the clients that it asks for.
type App struct {
	Config
	Log   *slog.Logger
	VOD   *vod.Client
	Queue *queue.Client // nil without an account; no queue has a name then
	State *State        // nil without STATE
}

// Must is New for a function, by its name: it reads the process's environment, logs to
// standard output, and when something is missing says everything that is and
// ends the process. It also slows the runtime's loop, see Gentle, and keeps the heap below
// what the platform ends a process for.
func Must(function string) *App {
	if limit := heapLimit(os.Getenv); limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	http.DefaultTransport = Gentle(http.DefaultTransport)
	config, err := Read(os.Getenv, Required(function)...)
	log := report.NewLog(os.Stdout, slog.LevelInfo)
	tellSlips(log)
	if err == nil {
		var app *App
		if app, err = New(config, log); err == nil {
			return app
		}
	}
	fmt.Fprintf(os.Stderr, "cannot start:\n%v\n", err)
	os.Exit(1)
	return nil
}

// heapLimit is four fifths of the function's memory: without it the collector lets the heap
// grow to twice of what is in use before it looks, and a batch of 10 MB of hostile messages
// ended metadata at 514 of 512 MB. Zero: the platform does not tell, or Go was told.
func heapLimit(getenv func(string) string) int64 {
	mb, err := strconv.ParseInt(getenv("FC_FUNCTION_MEMORY_SIZE"), 10, 32)
	if err != nil || mb <= 0 || getenv("GOMEMLIMIT") != "" {
		return 0
	}
	return mb << 20 / 5 * 4
}

// Getenv is one variable of the environment, for programs that have to know what
// somebody else will make of it.
func Getenv(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// tellSlips names what somebody set in vain. It says no values: they may be secrets.
func tellSlips(log *slog.Logger) {
	for _, slip := range Slips(os.Environ()) {
		log.Warn("nobody reads this variable", slog.String("name", slip[0]), slog.String("nearest", slip[1]))
	}
}

// FromEnvironment is New for a program that a person runs. Without keys in the
// environment it takes those of the aliyun command line tool, if that is set up:
// the profile that ALIBABA_CLOUD_PROFILE names, else the current one.
func FromEnvironment(log *slog.Logger, required ...string) (*App, error) {
	tellSlips(log)
	config, err := Read(os.Getenv, required...)
	if err != nil {
		return nil, err
	}
	if home, err := os.UserHomeDir(); err == nil && config.own().id == "" {
		file := filepath.Join(home, ".aliyun", "config.json")
		if _, err := os.Stat(file); err == nil {
			if config.profile, err = vod.Profile(file, os.Getenv("ALIBABA_CLOUD_PROFILE")); err != nil {
				return nil, err
			}
		}
	}
	return New(config, log)
}

// New wires the clients. It makes no call.
func New(c Config, log *slog.Logger) (*App, error) {
	app := &App{Config: c, Log: log}
	var err error
	app.VOD, err = vod.New(vod.Config{
		Region: c.Scope.Region, Endpoint: c.VODEndpoint, Credentials: c.Credentials, App: c.Scope.App, Share: c.RateShare, Log: log,
	})
	if err != nil {
		return nil, err
	}
	if c.Scope.Account != "" {
		app.Queue, err = queue.New(queue.Config{
			Region: c.Scope.Region, Account: c.Scope.Account, Endpoint: c.MNSEndpoint, Credentials: c.Credentials,
		})
		if err != nil {
			return nil, err
		}
	}
	if c.State != "" {
		app.State = &State{config: c}
	}
	return app, nil
}

// Warm takes the once-only costs of a first call out of the first event. It is
// the function's initializer and may fail without harm.
func (a *App) Warm(ctx context.Context) {
	if a.State != nil {
		if _, err := a.State.Open(Invocation(ctx)); err != nil {
			a.Log.WarnContext(ctx, "state not open yet", slog.Any("error", err))
		}
	}
}

// State opens STATE at its first use, with the credentials of whoever uses it:
// a function has none before its first invocation. A failed opening is tried
// again by the next user.
type State struct {
	config Config
	mu     sync.Mutex
	store  *state.Store
}

// Open returns the opened store.
func (s *State) Open(ctx context.Context) (*state.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.store == nil {
		store, err := state.Open(ctx, s.config.State, state.Options{
			Region: s.config.Scope.Region, Endpoint: s.config.OSSEndpoint, Credentials: s.config.Credentials, Owner: s.config.Scope.Account,
		})
		if err != nil {
			return nil, err
		}
		s.store = store
	}
	return s.store, nil
}

// Read is state.Objects.Read.
func (s *State) Read(ctx context.Context, key string) ([]byte, error) {
	store, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	return store.Read(ctx, key)
}

// ReadNewer is state.Store.ReadNewer.
func (s *State) ReadNewer(ctx context.Context, key, have string) (body []byte, version string, err error) {
	store, err := s.Open(ctx)
	if err != nil {
		return nil, "", err
	}
	return store.ReadNewer(ctx, key, have)
}

// Create is state.Objects.Create.
func (s *State) Create(ctx context.Context, key string, body []byte) error {
	store, err := s.Open(ctx)
	if err != nil {
		return err
	}
	return store.Create(ctx, key, body)
}

// DeletionNotice is a media that VOD announced to be deleted.
type DeletionNotice = state.DeletionNotice

// NoteDeletions keeps announcements that came at a moment; state.NoteDeletions has the promise.
func (s *State) NoteDeletions(ctx context.Context, at time.Time, all []DeletionNotice) error {
	return state.NoteDeletions(ctx, s, at, all)
}

// Place is how far the last sweep over a kind came; state.LastSwept has the promise.
func (s *State) Place(ctx context.Context, kind video.Kind, at time.Time) (upTo time.Time, done bool, err error) {
	last, _, err := state.LastSwept(ctx, s, kind, at)
	return last.UpTo, last.Done, err
}

// NotePlace keeps that.
func (s *State) NotePlace(ctx context.Context, kind video.Kind, at, upTo time.Time, done bool) error {
	return state.NoteSwept(ctx, s, state.Swept{Kind: kind, At: at, UpTo: upTo, Done: done})
}

// List is state.Objects.List.
func (s *State) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	store, err := s.Open(ctx)
	if err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	return store.List(ctx, prefix, after)
}
