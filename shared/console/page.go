package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// page is one page: what is gathered for it, and its place in the menu.
type page struct {
	path   string // of net/http's patterns
	menu   string // its name in the menu; empty: it has none
	gather func(r *http.Request) (any, error)
}

// action does what a form asks for. It returns the page to show next and what to say there.
type action func(r *http.Request) (next, said string, err error)

// area is a part of the console with a file of its own.
type area struct {
	pages   map[string]page             // by the name of their template
	actions map[string]action           // what forms ask for, by path
	raw     map[string]http.HandlerFunc // answers that are no page, by pattern: pictures, and what the script asks for
	said    []string                    // texts that templates are given and do not hold, for the translations
}

// areas are all of them, in the order of the menu.
func (s *Server) areas() []area {
	return []area{s.overviewArea(), s.libraryArea(), s.planArea(), s.workbenchArea(), s.queueArea(), s.cloudArea()}
}

// menu is the order of the menu, by the names of pages.
var menu = []string{"overview", "library", "plans", "workbench", "queues", "cloud"}

// pages are all pages by the name of their template.
func (s *Server) pages() map[string]page {
	all := map[string]page{}
	for _, a := range s.areas() {
		maps.Copy(all, a.pages)
	}
	return all
}

// frame is what the layout shows around a page.
type frame struct {
	Name  string // of the page
	Lang  string
	Menu  []link
	Note  note
	Scope video.Scope
	Local bool
	Title string // of an error
	Error string
	Body  any // what the page gathered
}

type link struct {
	Path, Name string
	Here       bool
}

// look is the templates and words of one language.
type look struct {
	pages map[string]*template.Template
	words map[string]string
}

// languages are those of the pages, the one for everybody else first.
var languages = []string{"en", "zh"}

// looks parses all templates in all languages.
func looks(pages map[string]page) (map[string]*look, error) {
	all := map[string]*look{}
	for _, lang := range languages {
		l := &look{pages: map[string]*template.Template{}, words: map[string]string{}}
		if lang != "en" { // whose text stands in the templates
			text, err := files.ReadFile("words/" + lang + ".json")
			if err == nil {
				err = json.Unmarshal(text, &l.words)
			}
			if err != nil {
				return nil, err
			}
		}
		layout, err := template.New("layout.html").Funcs(l.funcs()).ParseFS(files, "pages/layout.html", "pages/parts.html")
		if err != nil {
			return nil, err
		}
		l.pages["error"] = layout
		for name := range pages {
			one, err := template.Must(layout.Clone()).ParseFS(files, "pages/"+name+".html")
			if err != nil {
				return nil, err
			}
			l.pages[name] = one
		}
		all[lang] = l
	}
	return all, nil
}

// funcs are what templates call. Text from outside is shown as text: html/template escapes
// it, and visible spells what would not be seen or would turn its neighbours around.
func (l *look) funcs() template.FuncMap {
	return template.FuncMap{
		"t":       l.say,
		"bytes":   report.Bytes,
		"number":  report.Number,
		"int":     func(n int64) int { return int(n) },
		"visible": func(v any) string { return video.Visible(fmt.Sprint(v)) },
		"lines":   video.VisibleLines,
		"when":    when,
		"cut":     func(n int, text string) string { return report.Cut(text, n) },
		"query":   url.QueryEscape,
	}
}

// say is a text of the pages in the language: the English one is its key. Arguments are
// those of fmt.
func (l *look) say(text string, args ...any) string {
	if there, ok := l.words[text]; ok {
		text = there
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// when is a time in UTC, which the script shows in the viewer's zone too; nothing for none.
func when(at time.Time) template.HTML {
	if at.IsZero() {
		return ""
	}
	at = at.UTC()
	return template.HTML(`<time datetime="` + at.Format(time.RFC3339) + `">` + at.Format("2006-01-02 15:04:05") + ` UTC</time>`) //nolint:gosec // of digits
}

// language is the first of ours in Accept-Language.
func language(r *http.Request) string {
	for one := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		one, _, _ = strings.Cut(strings.TrimSpace(one), ";")
		one, _, _ = strings.Cut(strings.ToLower(one), "-")
		for _, lang := range languages {
			if one == lang {
				return lang
			}
		}
	}
	return languages[0]
}

// errNotFound is of something that a page names and nobody has.
var errNotFound = errors.New("not found")

// show answers with a page, or with its live part over and over.
func (s *Server) show(w http.ResponseWriter, r *http.Request, name string, p page) {
	if r.Header.Get("Accept") == "text/event-stream" {
		s.live(w, r, name, p)
		return
	}
	body, err := p.gather(r)
	switch {
	case errors.Is(err, errNotFound):
		s.fail(w, r, http.StatusNotFound, err)
	case err != nil:
		s.fail(w, r, http.StatusBadGateway, err)
	default:
		s.render(w, r, http.StatusOK, name, frame{Body: body})
	}
}

// fail answers with an error as a page.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	s.render(w, r, status, "error", frame{Title: http.StatusText(status), Error: err.Error()})
}

// render writes a page, whole or not at all.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	lang := language(r)
	f.Name, f.Lang, f.Local = name, lang, s.Local != ""
	if s.App != nil {
		f.Scope = s.App.Scope
	}
	if s.known(r) {
		f.Note = s.take(r.URL.Query().Get("note"))
		all := s.pages()
		for _, m := range menu {
			if p, ok := all[m]; ok && p.menu != "" && (m != "cloud" || f.Local) {
				path, _, _ := strings.Cut(p.path, "{")
				f.Menu = append(f.Menu, link{path, p.menu, m == name || p.path != "/{$}" && strings.HasPrefix(r.URL.Path, path)})
			}
		}
	}
	var b bytes.Buffer
	if err := s.looks[lang].pages[name].ExecuteTemplate(&b, "layout.html", f); err != nil {
		s.log().Error("page", "name", name, "error", err)
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", lang)
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// liveEvery is how often the live part of a page is gathered anew.
const liveEvery = 2 * time.Second

// live sends the template "live" of a page as server-sent events, whenever it changes, until
// the page is left.
func (s *Server) live(w http.ResponseWriter, r *http.Request, name string, p page) {
	t := s.looks[language(r)].pages[name].Lookup("live")
	send, ok := w.(http.Flusher)
	if t == nil || !ok {
		s.fail(w, r, http.StatusNotAcceptable, errors.New("this page has no live part"))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	last := ""
	for {
		text := s.fragment(r.Context(), t, r, p)
		if r.Context().Err() != nil {
			return
		}
		if text != last {
			last = text
			if event(w, text) != nil {
				return
			}
		} else if _, err := io.WriteString(w, ":\n\n"); err != nil {
			return
		}
		send.Flush()
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// fragment is the live part; a fault is shown in its place.
func (s *Server) fragment(ctx context.Context, t *template.Template, r *http.Request, p page) string {
	var b bytes.Buffer
	body, err := p.gather(r.WithContext(ctx))
	if err == nil {
		err = t.Execute(&b, body)
	}
	if err != nil {
		return `<p class="fault">` + template.HTMLEscapeString(video.Visible(err.Error())) + `</p>`
	}
	return b.String()
}

// event writes one server-sent event.
func event(w io.Writer, text string) error {
	_, err := fmt.Fprintf(w, "data: %s\n\n", strings.ReplaceAll(strings.ReplaceAll(text, "\r", ""), "\n", "\ndata: "))
	return err
}
