package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

func (s *Server) workbenchArea() area {
	return area{
		pages: map[string]page{"workbench": {"/workbench", "Workbench", s.workbench}},
		raw: map[string]http.HandlerFunc{
			"POST /workbench/check":       s.benchCheck,
			"POST /workbench/nights":      s.benchNights,
			"POST /workbench/again":       s.benchAgain,
			"POST /workbench/save":        s.benchSave,
			"POST /workbench/activate":    s.benchActivate,
			"POST /workbench/file":        s.benchFile,
			"GET /workbench/picture/{id}": s.benchPicture,
		},
		said: []string{"Workbench"},
	}
}

// drafting is what the page of the workbench shows.
type drafting struct {
	Of      state.Texts
	From    string // current, default, or the number of a version
	Text    string
	Current insight.Current
	Saved   []insight.Saved
	Why     string // there are no saved texts to show
	Warned  []string
	Fault   string // of what was asked for last
	Found   *tried
	Nights  *nightsBeside
}

// tried is what came of a text.
type tried struct {
	Of           state.Texts
	Checked      insight.Checked
	Passed       int
	Failed       []tagging.TestResult
	Library      *held
	LibraryFault string
	Reading      bool // the library is being read
	Seen         int  // of it so far
	Rules        *RuleEffects
	Policy       *PolicyEffects
	EffectFault  string
}

// nightsBeside are thirty nights under the current policy and under the draft.
type nightsBeside struct {
	Current, Draft []insight.NightLine
	Pictures       []string // by name; those that could be drawn
	Currency       string
	Fault          string
}

// benchNightsShown is how many nights the curve has.
const benchNightsShown = 30

func textsOf(r *http.Request) state.Texts {
	if r.FormValue("of") == string(state.PolicyText) {
		return state.PolicyText
	}
	return state.RulesText
}

// workbench is the page with the text that it is to begin from.
func (s *Server) workbench(r *http.Request) (any, error) {
	of, from := textsOf(r), cmp.Or(r.URL.Query().Get("from"), "current")
	d := s.drafting(r.Context(), of)
	switch d.From = from; from {
	case "current":
		if d.Text = string(d.Current.Text); d.Current.Err != nil {
			d.Fault = d.Current.Err.Error()
		}
	case "default":
		d.Text = string(defaultText(of))
	default:
		number, err := strconv.Atoi(from)
		if err == nil && s.App.State == nil {
			err = video.ErrNotFound
		}
		var v state.Version
		if err == nil {
			v, err = state.ReadVersion(r.Context(), s.App.State, of, number)
		}
		if err == nil && v.Activated > 0 {
			err = video.ErrNotFound
		}
		if err != nil {
			d.Fault = fmt.Sprintf("there is no saved text %q: %v", from, err)
		}
		d.Text = v.Text
	}
	return d, nil
}

func defaultText(of state.Texts) []byte {
	if of == state.PolicyText {
		return retention.DefaultSource()
	}
	return tagging.DefaultFile()
}

// drafting gathers all of the page but its text.
func (s *Server) drafting(ctx context.Context, of state.Texts) *drafting {
	d := &drafting{Of: of, Current: insight.CurrentText(ctx, s.App, of)}
	var err error
	d.Saved, err = insight.SavedTexts(ctx, s.App, of, insight.Options{Warn: func(format string, args ...any) {
		d.Warned = append(d.Warned, report.Sayf(format, args...))
	}})
	if err != nil {
		d.Why = err.Error()
	}
	return d
}

// asked reads a form of the workbench. A browser ends the lines of a form by two characters.
func (s *Server) asked(w http.ResponseWriter, r *http.Request) (of state.Texts, text string, ok bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.fail(w, r, http.StatusBadRequest, fmt.Errorf("the form cannot be read: %w", err))
		return "", "", false
	}
	return textsOf(r), strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n"), true
}

// check says what a text is and what it would do.
func (s *Server) check(ctx context.Context, of state.Texts, text string) *tried {
	at, err := s.now(ctx)
	if err != nil {
		at = time.Now()
	}
	f := &tried{Of: of, Checked: insight.CheckText(of, string(of)+".yaml", []byte(text), nil, s.App.Scope.Region, at)}
	f.Failed = f.Checked.Failed()
	f.Passed = len(f.Checked.Tests) - len(f.Failed)
	s.tryOut(ctx, of, f.Checked, f)
	return f
}

// mark is a message beside a line.
type mark struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// benchCheck answers with the page, or the script with its part.
func (s *Server) benchCheck(w http.ResponseWriter, r *http.Request) {
	of, text, ok := s.asked(w, r)
	if !ok {
		return
	}
	f := s.check(r.Context(), of, text)
	if r.Header.Get("Accept") != "application/json" {
		d := s.drafting(r.Context(), of)
		d.Text, d.Found = text, f
		s.render(w, r, http.StatusOK, "workbench", frame{Body: d})
		return
	}
	marks := []mark{}
	for _, fault := range f.Checked.Faults {
		marks = append(marks, mark{fault.Line, video.Visible(fault.Message)})
	}
	s.part(w, r, "found", f, map[string]any{"marks": marks, "again": f.Reading, "nights": f.Policy != nil})
}

// part answers the script with a template's text and what else it needs.
func (s *Server) part(w http.ResponseWriter, r *http.Request, name string, body any, answer map[string]any) {
	var b bytes.Buffer
	if err := s.looks[language(r)].pages["workbench"].ExecuteTemplate(&b, name, body); err != nil {
		s.log().Error("page", "name", name, "error", err)
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	answer["html"] = b.String()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// benchNights simulates the nights of a policy beside those of the current one.
func (s *Server) benchNights(w http.ResponseWriter, r *http.Request) {
	_, text, ok := s.asked(w, r)
	if !ok {
		return
	}
	n := &nightsBeside{}
	if err := s.nightsOf(r.Context(), text, n); err != nil {
		n.Fault = err.Error()
	}
	if r.Header.Get("Accept") == "application/json" {
		s.part(w, r, "nights", n, map[string]any{})
		return
	}
	d := s.drafting(r.Context(), state.PolicyText)
	d.Text, d.Found, d.Nights = text, s.check(r.Context(), state.PolicyText, text), n
	s.render(w, r, http.StatusOK, "workbench", frame{Body: d})
}

func (s *Server) nightsOf(ctx context.Context, text string, n *nightsBeside) error {
	draft, err := retention.Parse("policy.yaml", []byte(text))
	if err != nil {
		return err
	}
	h, _, err := s.sample(ctx)
	if err == nil && h == nil {
		err = errors.New("the library is still being read: try again in a moment")
	}
	if err != nil {
		return err
	}
	s.bench.turn.Lock()
	defer s.bench.turn.Unlock()
	current := insight.CurrentText(ctx, s.App, state.PolicyText)
	if current.Err != nil {
		return current.Err
	}
	policy, err := retention.Parse(cmp.Or(current.Name, "default.yaml"), current.Text)
	if err == nil {
		err = s.policyBase(ctx, &s.bench.nights, h, policy, benchNightsShown)
	}
	if err != nil {
		return fmt.Errorf("the current policy: %w", err)
	}
	nights, _, err := s.simulate(ctx, h, draft, benchNightsShown)
	if err != nil {
		return err
	}
	n.Currency = draft.Prices.Currency
	for i, all := range [][]insight.Night{s.bench.nights.nights, nights} {
		var picture bytes.Buffer
		if err := insight.DrawNights(&picture, all); err == nil {
			n.Pictures = append(n.Pictures, s.bench.keep(picture.Bytes()))
		}
		for _, night := range all {
			if i == 0 {
				n.Current = append(n.Current, night.Line())
			} else {
				n.Draft = append(n.Draft, night.Line())
			}
		}
	}
	return nil
}

// mostPictures bounds what is kept for pages that never asked for it.
const mostPictures = 8

func (b *bench) keep(picture []byte) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.kept) >= mostPictures || b.kept == nil {
		b.kept = map[string][]byte{}
	}
	id := random()[:16]
	b.kept[id] = picture
	return id
}

func (s *Server) benchPicture(w http.ResponseWriter, r *http.Request) {
	s.bench.mu.Lock()
	picture, ok := s.bench.kept[r.PathValue("id")]
	s.bench.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = w.Write(picture)
}

// benchAgain reads the library again.
func (s *Server) benchAgain(w http.ResponseWriter, r *http.Request) {
	s.bench.readAgain()
	s.benchCheck(w, r)
}

// benchFile gives the text back as a file.
func (s *Server) benchFile(w http.ResponseWriter, r *http.Request) {
	of, text, ok := s.asked(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(of)+`.yaml"`)
	_, _ = w.Write([]byte(text))
}

// benchSave saves the text as a version.
func (s *Server) benchSave(w http.ResponseWriter, r *http.Request) {
	of, text, ok := s.asked(w, r)
	if !ok {
		return
	}
	v, err := insight.SaveText(r.Context(), s.App, of, []byte(text), r.PostFormValue("remark"), insight.Options{})
	if err != nil {
		s.keepText(w, r, of, text, err)
		return
	}
	s.benchDone(w, r, of, v.Number, report.Sayf("saved as version %d; the functions work as before", v.Number))
}

// benchActivate makes the text current. It is a version by then, so that nothing is lost where it
// is refused.
func (s *Server) benchActivate(w http.ResponseWriter, r *http.Request) {
	of, text, ok := s.asked(w, r)
	if !ok {
		return
	}
	current := insight.CurrentText(r.Context(), s.App, of)
	switch typed := strings.TrimSpace(r.PostFormValue("confirm")); {
	case current.Key == "":
		s.keepText(w, r, of, text, errors.New(current.Why))
		return
	case typed != current.Key:
		s.keepText(w, r, of, text, fmt.Errorf("nothing was changed: %q was typed, %q makes the text current", typed, current.Key))
		return
	}
	at, err := s.now(r.Context())
	if err == nil {
		err = insight.CheckText(of, "the text", []byte(text), nil, s.App.Scope.Region, at).Err()
	}
	if err != nil {
		s.keepText(w, r, of, text, err)
		return
	}
	number, err := s.versionOf(r.Context(), of, text, r.PostFormValue("remark"))
	if err == nil {
		_, err = insight.Activate(r.Context(), s.App, of, number, nil, insight.Options{})
	}
	if err != nil {
		s.keepText(w, r, of, text, err)
		return
	}
	s.benchDone(w, r, of, number, report.Sayf("version %d is current: the functions take it with their next batch or run", number))
}

// versionOf is the number under which a text is saved, now where nobody did.
func (s *Server) versionOf(ctx context.Context, of state.Texts, text, remark string) (int, error) {
	all, _, err := state.Versions(ctx, s.App.State, of, insight.MostVersions)
	if err != nil {
		return 0, err
	}
	for _, v := range all {
		if v.Activated == 0 && v.Text == text {
			return v.Number, nil
		}
	}
	v, err := insight.SaveText(ctx, s.App, of, []byte(text), remark, insight.Options{})
	return v.Number, err
}

// keepText shows the page with the text that could not be saved or made current, and why.
func (s *Server) keepText(w http.ResponseWriter, r *http.Request, of state.Texts, text string, why error) {
	d := s.drafting(r.Context(), of)
	d.Text, d.Fault = text, why.Error()
	s.render(w, r, http.StatusConflict, "workbench", frame{Body: d})
}

func (s *Server) benchDone(w http.ResponseWriter, r *http.Request, of state.Texts, number int, said string) {
	http.Redirect(w, r, s.noted(fmt.Sprintf("/workbench?of=%s&from=%d", of, number), note{Text: said}), http.StatusSeeOther)
}
