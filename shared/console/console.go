// Package console serves the web pages on which people look at a library, understand what
// the functions did with it, and approve plans.
//
// Pages are rendered here (html/template); nothing is loaded from elsewhere, and one script
// and one style sheet of our own make parts of them live. What a page shows is gathered by
// package insight, as for vodctl, so both say the same. The pages are for people at this
// machine: the server answers on loopback alone, to whoever has the token of its first
// address; guard.go has the rules.
//
// Each area of the console has a file: its pages, whose templates are in pages/, and what
// their forms ask for.
package console

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"vodcurator/shared/boot"
	"vodcurator/shared/report"
)

// Options are what a console shows.
type Options struct {
	App *boot.App
	// Local is the base URL of a local cloud's own address, for the pages that only it has.
	// Empty: an account.
	Local string
	// Library is a file of vodctl snapshot that the library's pages and the workbench look at;
	// empty: they read the account's library when they are first asked.
	Library string
}

// Server is the console.
type Server struct {
	Options
	token, session string // of the first address, and of the cookie that it is changed for
	looks          map[string]*look
	static         http.Handler
	index          catalog
	covers         *covers
	background     sync.WaitGroup // what goes on behind the pages

	looked planCache // of the pages of plans

	mu    sync.Mutex
	notes map[string]note

	bench bench
	grave grave
}

//go:embed pages/*.html static words/*.json
var files embed.FS

// New makes a console. It makes no call.
func New(o Options) (*Server, error) {
	s := &Server{Options: o, token: random(), session: random(), notes: map[string]note{}}
	s.static = http.FileServerFS(files)
	s.covers = newCovers(s.ownAddresses()...)
	var err error
	s.looks, err = looks(s.pages())
	return s, err
}

// Open is New with the clients of an environment: for a local cloud, which has its own.
func Open(getenv func(string) string, local string, log *slog.Logger) (*Server, error) {
	config, err := boot.Read(getenv)
	if err != nil {
		return nil, err
	}
	app, err := boot.New(config, log)
	if err != nil {
		return nil, err
	}
	return New(Options{App: app, Local: local})
}

// random is a token that nobody guesses.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Listen takes an address of this machine; no other is taken.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q of the console: want one like 127.0.0.1:8080", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("the console answers on this machine alone, and %q is not its loopback: want 127.0.0.1:PORT", address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// URL is the first address, with the token. It is a secret of the person who started it.
func (s *Server) URL(l net.Listener) string {
	return "http://" + l.Addr().String() + "/enter?token=" + s.token
}

// Serve answers until the context ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	web := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return context.WithValue(ctx, serving{}, ctx) },
		ErrorLog:          slog.NewLogLogger(s.log().Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		_ = web.Close() // a live page never ends by itself
	}()
	err := web.Serve(l)
	if ctx.Err() == nil {
		return err
	}
	<-stopped
	s.background.Wait()
	return nil // which was asked for
}

// serving is the key of the context with which the server ends.
type serving struct{}

// lasting is a context for what goes on when the page is answered, until the server ends.
func (s *Server) lasting(ctx context.Context) context.Context {
	if whole, ok := ctx.Value(serving{}).(context.Context); ok {
		return whole
	}
	return context.WithoutCancel(ctx)
}

func (s *Server) log() *slog.Logger {
	if s.App != nil && s.App.Log != nil {
		return s.App.Log
	}
	return slog.New(slog.DiscardHandler)
}

// now is the library's clock.
func (s *Server) now(ctx context.Context) (time.Time, error) {
	at, err := s.App.Clock(ctx)
	return at.UTC(), err
}

// Handler answers every request.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", s.static)
	for name, p := range s.pages() {
		mux.HandleFunc("GET "+p.path, func(w http.ResponseWriter, r *http.Request) { s.show(w, r, name, p) })
	}
	for _, a := range s.areas() {
		for path, act := range a.actions {
			mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { s.act(w, r, act) })
		}
		for pattern, answer := range a.raw {
			mux.HandleFunc(pattern, answer)
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, http.StatusNotFound, errors.New("there is no such page"))
	})
	return s.guard(mux)
}

// maxBody is the most that a form sends, in bytes; uploads to a local cloud have their own limit.
const maxBody = 4 << 20

// act does what a form asks for, and shows the page that it names with a note of what came
// of it.
func (s *Server) act(w http.ResponseWriter, r *http.Request, act action) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.fail(w, r, http.StatusBadRequest, fmt.Errorf("the form cannot be read: %w", err))
		return
	}
	next, said, err := act(r)
	n := note{Text: said}
	if err != nil {
		n = note{Text: report.Sayf("%v", err), Fault: true}
	}
	if next == "" {
		next = "/"
	}
	http.Redirect(w, r, s.noted(next, n), http.StatusSeeOther)
}
