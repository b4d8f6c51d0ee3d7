package console

import (
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// policy lets a page use what this server has, and lets nobody frame it. A page of ours has
// neither scripts nor styles in its text, so one that somebody's title brought in is not run.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// guard lets through what a person at this machine asked for.
//
//   - The Host is an address of loopback: a name that somebody's DNS points here is another.
//   - The cookie is there. It is had for the token of the first address alone, is of this
//     run, and no page of another site can send it.
//   - What changes something comes from a page of ours, by its Origin. A browser always
//     sends one with a form, so a request without one is refused too.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // with no-referrer a browser calls the origin of our own forms null
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !loopback(r.Host):
			s.fail(w, r, http.StatusForbidden, errors.New("this address is not of this machine"))
		case r.Method != http.MethodGet && r.Header.Get("Origin") != "http://"+r.Host,
			strings.HasPrefix(r.Header.Get("Sec-Fetch-Site"), "cross-") || r.Header.Get("Sec-Fetch-Site") == "same-site":
			s.fail(w, r, http.StatusForbidden, errors.New("only a page of this console may ask for this"))
		case r.Method == http.MethodGet && r.URL.Path == "/enter":
			s.enter(w, r)
		case !s.known(r):
			s.fail(w, r, http.StatusForbidden, errors.New("open the address that the console printed when it started"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// loopback says that a Host names this machine.
func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// cookie is the name of our cookie: those of other ports of this machine are sent too.
func cookie(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	return "vodcurator_" + port
}

func (s *Server) known(r *http.Request) bool {
	c, err := r.Cookie(cookie(r))
	return err == nil && same(c.Value, s.session)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// enter changes the token of the first address for the cookie. It answers by a page that
// goes on by itself: with a redirect, a browser that came from another page would leave
// the cookie out.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	if !same(r.URL.Query().Get("token"), s.token) {
		s.fail(w, r, http.StatusForbidden, errors.New("the address is of another run of the console: open the one that it printed last"))
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie(r), Value: s.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(`<!doctype html><meta http-equiv="refresh" content="0;url=/"><title>vodcurator</title><a href="/">vodcurator</a>`))
}

// note is what came of an action, for the page that follows it.
type note struct {
	Text  string
	Fault bool
}

// mostNotes bounds what is kept for pages that never came.
const mostNotes = 100

// noted is the address of a page with a note, which is kept here: an address that carries
// its own text could be sent to somebody.
func (s *Server) noted(page string, n note) string {
	id := random()[:16]
	s.mu.Lock()
	if len(s.notes) >= mostNotes {
		clear(s.notes)
	}
	s.notes[id] = n
	s.mu.Unlock()
	u, err := url.Parse(page)
	if err != nil {
		return "/"
	}
	q := u.Query()
	q.Set("note", id)
	u.RawQuery = q.Encode()
	return u.String()
}

// take gives a note once.
func (s *Server) take(id string) (n note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = s.notes[id]
	delete(s.notes, id)
	return n
}
