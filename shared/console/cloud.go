package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// cloudArea is what only a local cloud has: uploads by its back door, its clock, faults to
// order, and what each function printed. An account has none of it.
func (s *Server) cloudArea() area {
	if s.Local == "" {
		return area{}
	}
	return area{
		pages: map[string]page{
			"cloud":      {"/cloud", "Local cloud", s.cloud},
			"invocation": {"/cloud/invocations/{id}", "", s.invocation},
		},
		actions: map[string]action{"/cloud/clock": s.moveClock, "/cloud/faults": s.setFaults},
		raw:     map[string]http.HandlerFunc{"POST /cloud/upload": s.upload},
		said:    faultNames(),
	}
}

// cloudPage is what a local cloud says of itself.
type cloudPage struct {
	Now         time.Time
	Functions   []cloudFunction
	Faults      []cloudFault
	Rules       string // the faults, as the form has them
	Offers      []offer
	Of          string     // the function whose invocations are shown; "": all
	Invocations []cloudRun // the latest first
	Problem     string     // what could not be asked
}

type cloudFunction struct {
	Name         string
	Triggers     []string
	Processes    int
	Runs, Failed map[string]int
}

// Ran and Broke are sums over all kinds of invocation.
func (f cloudFunction) Ran() int   { return sum(f.Runs) }
func (f cloudFunction) Broke() int { return sum(f.Failed) }

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

type cloudFault struct {
	Rule string
	Hits int
}

// offer is a fault that a button adds.
type offer struct{ Name, Rule string }

// offers are the faults that a person meets first; `local help` has all kinds.
var offers = []offer{
	{"Throttle a tenth of the calls to VOD", "vod * throttle p=0.1"},
	{"Deliver queue messages twice", "mns ReceiveMessage duplicate p=0.2"},
	{"Lose a fifth of VOD's notifications", "vod callback:* lost p=0.2"},
	{"Kill the next process of metadata", "functions * kill about=metadata n=1"},
}

func faultNames() (all []string) {
	for _, o := range offers {
		all = append(all, o.Name)
	}
	return all
}

// cloudRun is an invocation of a function.
type cloudRun struct {
	RequestID, Function, Trigger, Kind, Instance string
	At                                           time.Time
	Milliseconds                                 int64
	Retry                                        int
	Cold, Done                                   bool
	Event, Result, Error, Reason                 string
}

// Fault is why it failed; "": it did not.
func (r cloudRun) Fault() string { return cmp.Or(r.Error, r.Reason) }

// runsShown is how many invocations the page shows.
const runsShown = 50

// cloud gathers the page of the local cloud. One that does not answer is said on the page.
func (s *Server) cloud(r *http.Request) (any, error) {
	p := cloudPage{Of: r.URL.Query().Get("function"), Offers: offers}
	var status struct {
		Now       time.Time
		Functions []cloudFunction
		Faults    []cloudFault
	}
	q := url.Values{"last": {fmt.Sprint(runsShown)}}
	if p.Of != "" {
		q.Set("function", p.Of)
	}
	err := s.askLocal(r.Context(), "status", &status)
	if err == nil {
		err = s.askLocal(r.Context(), "invocations?"+q.Encode(), &p.Invocations)
	}
	if err != nil {
		p.Problem = err.Error()
	}
	p.Now, p.Functions, p.Faults = status.Now, status.Functions, status.Faults
	for _, f := range p.Faults {
		p.Rules += f.Rule + "\n"
	}
	slices.Reverse(p.Invocations)
	return p, nil
}

// runPage is one invocation with what it printed.
type runPage struct {
	cloudRun
	Event, Result string // for people
	Log           string
	Dropped       string // bytes of the log that are not kept; "0" or "": none
	Problem       string // why the log is not there
}

func (s *Server) invocation(r *http.Request) (any, error) {
	var p runPage
	id := url.PathEscape(r.PathValue("id"))
	if err := s.askLocal(r.Context(), "invocations/"+id, &p.cloudRun); err != nil {
		return nil, err
	}
	p.Event, p.Result = insight.Body([]byte(p.cloudRun.Event)), insight.Body([]byte(p.cloudRun.Result))
	text, h, err := s.local(r.Context(), http.MethodGet, "logs/"+id, nil)
	if err != nil {
		p.Problem = err.Error()
	}
	p.Log, p.Dropped = string(text), h.Get("X-Dropped-Bytes")
	return p, nil
}

// moveClock moves the library's clock forward.
func (s *Server) moveClock(r *http.Request) (next, said string, err error) {
	by := r.PostForm.Get("by")
	if by == "" {
		by = r.PostForm.Get("number") + r.PostForm.Get("unit")
	}
	d, err := forward(by)
	if err != nil {
		return "/cloud", "", err
	}
	body := strings.NewReader(fmt.Sprintf(`{"advance":%q}`, d))
	text, _, err := s.local(r.Context(), http.MethodPost, "clock", body)
	if err != nil {
		return "/cloud", "", err
	}
	var moved struct {
		Now   time.Time
		Fired []cloudRun
	}
	if err := json.Unmarshal(text, &moved); err != nil {
		return "/cloud", "", err
	}
	said = report.Sayf("the clock moved by %s, to %s", report.Duration(d), moved.Now.UTC().Format(report.Moment))
	for _, f := range moved.Fired {
		said += "\n" + report.Sayf("fired: %s of %s", f.Trigger, f.Function)
	}
	return "/cloud", said, nil
}

// mostForward is a hundred years.
const mostForward = 36500 * 24 * time.Hour

// forward reads how far the clock moves: a duration, also in days, such as 12h or 91d.
func forward(text string) (time.Duration, error) {
	var d time.Duration
	var err error
	if number, ok := strings.CutSuffix(strings.TrimSpace(text), "d"); ok {
		var n int
		n, err = strconv.Atoi(number)
		d = time.Duration(min(n, 1<<16)) * 24 * time.Hour // more would overflow
	} else {
		d, err = time.ParseDuration(strings.TrimSpace(text))
	}
	if err != nil || d <= 0 || d > mostForward {
		return 0, fmt.Errorf("the clock moves forward by a time from 1s to 36500d, such as 12h or 91d, and not by %q", text)
	}
	return d, nil
}

// setFaults puts the form's rules in the place of those that there are; with "off" none.
func (s *Server) setFaults(r *http.Request) (next, said string, err error) {
	rules := strings.ReplaceAll(r.PostForm.Get("rules"), "\r", "")
	if more := r.PostForm.Get("add"); more != "" {
		rules = strings.TrimRight(rules, "\n") + "\n" + more
	}
	if r.PostForm.Has("off") {
		rules = ""
	}
	text, _, err := s.local(r.Context(), http.MethodPut, "faults", strings.NewReader(rules))
	if err != nil {
		return "/cloud", "", err
	}
	var all []cloudFault
	if err := json.Unmarshal(text, &all); err != nil {
		return "/cloud", "", err
	}
	if len(all) == 0 {
		return "/cloud", "nothing goes wrong any more", nil
	}
	return "/cloud", report.Sayf("%s in force", report.Count(len(all), "fault")), nil
}

// maxUpload is the most that one form uploads, in bytes: as much as OSS takes in one call.
const maxUpload = 5 << 30

// upload hands the files of a form on to the local cloud as they come. A file that is not
// taken keeps none of the others from being.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	form, err := r.MultipartReader()
	if err != nil {
		s.fail(w, r, http.StatusBadRequest, fmt.Errorf("the form cannot be read: %w", err))
		return
	}
	about := url.Values{}
	var said []string
	var faults error
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("the form cannot be read to its end: %w", err))
			break
		}
		if part.FormName() != "file" {
			text, err := io.ReadAll(io.LimitReader(part, maxBody))
			faults = errors.Join(faults, err)
			about.Set(part.FormName(), string(text))
			continue
		}
		if part.FileName() == "" { // nothing was chosen
			continue
		}
		id, err := s.uploadOne(r.Context(), part.FileName(), about, part)
		if err != nil {
			faults = errors.Join(faults, err)
			continue
		}
		said = append(said, report.Sayf("%s is in the library as %s", part.FileName(), id))
	}
	if faults != nil {
		said = append(said, video.VisibleLines(faults.Error()))
	}
	if len(said) == 0 {
		said = []string{"no file was chosen"}
	}
	http.Redirect(w, r, s.noted("/cloud", note{strings.Join(said, "\n"), faults != nil}), http.StatusSeeOther)
}

func (s *Server) uploadOne(ctx context.Context, name string, about url.Values, file io.Reader) (id string, err error) {
	q := url.Values{}
	for _, field := range []string{"title", "tags"} {
		if v := strings.TrimSpace(about.Get(field)); v != "" {
			q.Set(field, v)
		}
	}
	text, _, err := s.local(ctx, http.MethodPost, "upload/"+url.PathEscape(name)+"?"+q.Encode(), file)
	if err != nil {
		return "", err
	}
	var answer struct{ ID string }
	err = json.Unmarshal(text, &answer)
	return answer.ID, err
}

// toLocal takes no proxy: the local cloud is on this machine.
var toLocal = &http.Client{Transport: &http.Transport{}}

// maxAnswer is the most that is read of an answer of the local cloud, in bytes.
const maxAnswer = 64 << 20

func (s *Server) askLocal(ctx context.Context, path string, into any) error {
	text, _, err := s.local(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the local cloud's answer cannot be read: %w", err)
	}
	return nil
}

// local makes a call under /_local/. What is not there is errNotFound.
func (s *Server) local(ctx context.Context, method, path string, body io.Reader) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.Local+"/_local/"+path, body)
	if err != nil {
		return nil, nil, err
	}
	answer, err := toLocal.Do(r)
	if err != nil {
		return nil, nil, fmt.Errorf("the local cloud does not answer; start it with make up: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("the local cloud's answer breaks off: %w", err)
	}
	if answer.StatusCode == http.StatusOK {
		return text, answer.Header, nil
	}
	var said struct{ Error string }
	_ = json.Unmarshal(text, &said)
	err = errors.New(cmp.Or(said.Error, "the local cloud answers "+answer.Status))
	if answer.StatusCode == http.StatusNotFound {
		err = fmt.Errorf("%w: %w", errNotFound, err)
	}
	return nil, nil, err
}
