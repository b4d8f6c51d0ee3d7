package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// queueArea is what waits in the queues, and what is done about dead letters.
func (s *Server) queueArea() area {
	return area{
		pages: map[string]page{
			"queues": {"/queues", "Queues", s.queues},
			"letter": {"/queues/letters/{id}", "", s.letter},
		},
		actions: map[string]action{
			"/queues/edit": s.editLetter, "/queues/redrive": s.redrive, "/queues/drop": s.dropLetter,
		},
	}
}

// grave is the dead letters as they were read last. They can only be read by taking them,
// which hides them from everybody for a moment: so they are not taken for each page, and
// the pages of this console never take them at the same time.
type grave struct {
	sync.Mutex
	read    time.Time
	letters []insight.DeadLetter
	others  int // delayed, or taken by somebody else
	fault   error
}

const (
	// lettersFor is how long dead letters that were read are shown.
	lettersFor = 30 * time.Second
	// mostLetters is how many are read for a page.
	mostLetters = 500
	// letterWait is how long dead letters are waited for that somebody has just given back.
	letterWait = 2 * time.Second
	// redriveRate is the messages a second that go back, as many as vodctl sends by default.
	redriveRate = 50
)

// graves are the dead letters of this environment.
func (s *Server) graves() (deliver.DeadLetters, error) {
	return insight.DeadLetters(s.App, insight.Options{})
}

// look reads the dead letters, unless that was done just now. The caller holds g.
func (g *grave) look(ctx context.Context, from deliver.DeadLetters, again bool) {
	if !again && g.fault == nil && time.Since(g.read) < lettersFor {
		return
	}
	g.letters = nil
	g.others, g.fault = from.Each(ctx, deliver.Filter{Limit: mostLetters, Wait: letterWait}, func(batch []deliver.DeadLetter) ([]string, error) {
		for _, l := range batch {
			g.letters = append(g.letters, insight.DeadLetterOf(l))
		}
		return nil, nil
	})
	if g.read = time.Now(); ctx.Err() != nil {
		g.read = time.Time{} // who asked has left, so it is not the whole
	}
	slices.SortStableFunc(g.letters, func(a, b insight.DeadLetter) int { return a.Since.Compare(b.Since) })
}

// queuesPage is the queues, and the dead letters by their reasons.
type queuesPage struct {
	Queues  []insight.QueueFacts
	Reasons []reasonGroup
	Letters int       // that were read
	Most    int       // where no more were read
	Others  int       // delayed, or taken by somebody else
	Read    time.Time // when
	Problem string    // why they, or some, are not there
}

type reasonGroup struct {
	Reason  string
	Letters []insight.DeadLetter
}

func (s *Server) queues(r *http.Request) (any, error) {
	p := queuesPage{Queues: insight.Queues(r.Context(), s.App)}
	if r.Header.Get("Accept") == "text/event-stream" {
		return p, nil // what is live needs no dead letter to be taken
	}
	from, err := s.graves()
	if err != nil {
		p.Problem = err.Error()
		return p, nil
	}
	g := &s.grave
	g.Lock()
	defer g.Unlock()
	g.look(r.Context(), from, r.URL.Query().Has("again"))
	p.Read, p.Letters, p.Others = g.read, len(g.letters), g.others
	if p.Letters >= mostLetters {
		p.Most = mostLetters
	}
	if g.fault != nil {
		p.Problem = g.fault.Error()
	}
	p.Reasons = byReason(g.letters)
	return p, nil
}

// byReason groups dead letters, the most frequent reason first.
func byReason(all []insight.DeadLetter) (groups []reasonGroup) {
	at := map[string]int{}
	for _, l := range all {
		i, ok := at[l.Reason]
		if !ok {
			i = len(groups)
			at[l.Reason], groups = i, append(groups, reasonGroup{Reason: l.Reason})
		}
		groups[i].Letters = append(groups[i].Letters, l)
	}
	slices.SortStableFunc(groups, func(a, b reasonGroup) int { return cmp.Compare(len(b.Letters), len(a.Letters)) })
	return groups
}

// letterPage is one dead letter.
type letterPage struct {
	insight.DeadLetter
	Shown string // its body for people
	Draft string // the body that the form edits
	Fault string // what is wrong with the draft; "": it would not die at once
	Kept  bool   // dropped ones are kept under STATE
}

func (s *Server) letter(r *http.Request) (any, error) {
	from, err := s.graves()
	if err != nil {
		return nil, err
	}
	p := letterPage{Kept: from.Objects != nil}
	s.grave.Lock()
	defer s.grave.Unlock()
	err = from.Find(r.Context(), r.PathValue("id"), letterWait, func(l deliver.DeadLetter) (bool, error) {
		body, key, err := from.Body(r.Context(), l)
		if l.Ref = key; err != nil {
			p.Problem = err.Error()
		} else {
			l.Body = body
		}
		p.DeadLetter = insight.DeadLetterOf(l)
		p.Shown = p.Text()
		if json.Valid(l.Body) {
			// What cannot be seen is spelled out in it, which in JSON is the same value: a
			// browser would change it silently.
			p.Draft = insight.Body(l.Body)
		}
		return false, nil
	})
	if errors.Is(err, video.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", errNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	if err := deliver.CheckBody([]byte(p.Draft)); err != nil {
		p.Fault = err.Error()
	}
	return p, nil
}

// letterAt is the page of a dead letter.
func letterAt(id string) string { return "/queues/letters/" + url.PathEscape(id) }

// editLetter gives a dead letter another body, which is checked; with "redrive" it goes back
// to its queue then.
func (s *Server) editLetter(r *http.Request) (next, said string, err error) {
	id, body := r.PostForm.Get("id"), strings.ReplaceAll(r.PostForm.Get("body"), "\r\n", "\n")
	next = letterAt(id)
	if !utf8.ValidString(body) {
		return next, "", errors.New("the body is no text in UTF-8")
	}
	if err := deliver.CheckBody([]byte(body)); err != nil {
		return next, "", fmt.Errorf("nothing was changed: %w", err)
	}
	from, err := s.graves()
	if err != nil {
		return next, "", err
	}
	defer s.bury()()
	if err := from.Edit(r.Context(), id, []byte(body), letterWait, true); err != nil {
		return next, "", err
	}
	return "/queues", "the dead letter is edited and has a new id; it is in the list below, and goes back when you send it", nil
}

// bury keeps others of this console from taking dead letters until the returned function is
// called; then they are read anew.
func (s *Server) bury() (end func()) {
	s.grave.Lock()
	return func() {
		s.grave.read = time.Time{}
		s.grave.Unlock()
	}
}

// redrive sends one dead letter back, those of a reason, or all. Of several the count is
// typed, and where it is another by then nothing is sent.
func (s *Server) redrive(r *http.Request) (next, said string, err error) {
	f := deliver.Filter{Wait: letterWait}
	if id := r.PostForm.Get("id"); id != "" {
		f.IDs, f.Limit = []string{id}, 1
	}
	from, err := s.graves()
	if err == nil && s.App.MetadataQueue == "" {
		err = errors.New("METADATA_QUEUE is not set")
	}
	if err != nil {
		return "/queues", "", err
	}
	defer s.bury()()
	if f.IDs == nil {
		typed, err := strconv.Atoi(strings.TrimSpace(r.PostForm.Get("count")))
		if err != nil {
			return "/queues", "", errors.New("nothing was sent: type how many dead letters go back")
		}
		there, err := from.Redrive(r.Context(), f, s.App.Sender(), redriveRate, false)
		if err != nil {
			return "/queues", "", err
		}
		if n := len(there.Letters); n != typed {
			return "/queues", "", fmt.Errorf("nothing was sent: %s there, and %d was typed", report.Count(n, "dead letter"), typed)
		}
		for _, l := range there.Letters { // those that were counted, and no other
			f.IDs = append(f.IDs, l.Taken.ID)
		}
		f.Limit = len(f.IDs)
	}
	if len(f.IDs) == 0 {
		return "/queues", "there is no dead letter", nil
	}
	done, err := from.Redrive(r.Context(), f, s.App.Sender(), redriveRate, true)
	said = redriven(done, s.App.MetadataQueue)
	if missing := len(f.IDs) - len(done.Letters); err == nil && missing > 0 {
		err = fmt.Errorf("%s not there any more, or taken by somebody else for now", report.Count(missing, "dead letter"))
	}
	if err != nil {
		return "/queues", "", fmt.Errorf("%s: %w", said, err)
	}
	return "/queues", said, nil
}

// redriven says what came of sending dead letters back.
func redriven(done deliver.Redriven, to string) string {
	said := report.Sayf("%s sent back to %s", report.Count(done.Back, "dead letter"), to)
	for _, l := range done.Letters {
		if l.Action != "sent" {
			said += report.Sayf("\n%s %s", l.Taken.ID, report.Cut(l.Action, 300))
		}
	}
	return said
}

// dropLetter takes a dead letter away for good; the reason is kept with it.
func (s *Server) dropLetter(r *http.Request) (next, said string, err error) {
	id, why := r.PostForm.Get("id"), strings.TrimSpace(r.PostForm.Get("why"))
	next = letterAt(id)
	switch {
	case id == "":
		return "/queues", "", errors.New("no dead letter is named")
	case why == "":
		return next, "", errors.New("nothing was dropped: say why nothing can cure it")
	case r.PostForm.Get("confirm") != "drop":
		return next, "", errors.New(`nothing was dropped: type the word drop`)
	}
	from, err := s.graves()
	if err != nil {
		return next, "", err
	}
	defer s.bury()()
	done, err := from.Drop(r.Context(), deliver.Filter{IDs: []string{id}, Limit: 1, Wait: letterWait}, why, true)
	if err != nil {
		return next, "", err
	}
	said = "the dead letter is dropped"
	if len(done.Kept) > 0 {
		said += report.Sayf("; it is kept under STATE at %s", strings.Join(done.Kept, ", "))
	}
	return "/queues", said, nil
}
