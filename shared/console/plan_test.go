package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// hostileTitle are texts that somebody uploads.
var hostileTitle = []string{
	`<script>alert(1)</script><img src=x onerror=alert(1)>`, "\u202etfel thgir\u202c \x01\x02 end", strings.Repeat("long title ", 900), `"><svg/onload=alert(1)>`, "{{.Secret}} %s %d",
}

// listedPlan writes a plan whose items are of hostile titles, categories and reasons.
func listedPlan(t *testing.T, o *state.Store, n int, change func(*removal.Plan)) removal.Plan {
	t.Helper()
	lines := removal.Lines{Objects: o}
	now := time.Now().UTC().Truncate(time.Second)
	p := removal.Plan{Created: now, Expires: now.AddDate(0, 0, 7), Scope: video.Scope{Region: "cn-shanghai", Account: "1234567890123456"}, Policy: retention.Default().Hash,
		Library: removal.Library{Media: 1000, Unread: 2}, Kept: map[retention.Why]int{retention.Held: 3, retention.Doubt: 1},
		Near:     []retention.Keep{{ID: "kept", Why: retention.Doubt, Rule: hostileTitle[0], Reason: hostileTitle[1], Missing: []string{"duration"}}},
		Warnings: []string{hostileTitle[3]}, Odd: []string{hostileTitle[2]}, Saving: &removal.Saving{Currency: "CNY", Money: retention.Money{Month: 12.5}}}
	sums := map[string]*removal.RuleTotals{}
	for i := range n {
		item := retention.Item{ID: video.ID(fmt.Sprintf("v%04d", i)), Kind: retention.Source, Bytes: int64(1000 * (i%7 + 1)), Rule: []string{"sources", hostileTitle[0]}[i%2], Reason: hostileTitle[(i+1)%len(hostileTitle)]}
		if i%11 == 0 {
			item.Bytes = retention.Unknown
		}
		v := retention.Verdict{ID: item.ID, Title: hostileTitle[i%len(hostileTitle)], Category: []string{"", "Harbour", hostileTitle[3]}[i%3], Created: now.AddDate(-1, 0, i%300), Items: []retention.Item{item},
			Parts: map[string]string{"source": "x", "job1": "y"}}
		require.NoError(t, lines.Add(t.Context(), v))
		if i == n/2 {
			require.NoError(t, lines.Flush(t.Context()))
		}
		p.Add(item)
		if sums[item.Rule] == nil {
			sums[item.Rule] = &removal.RuleTotals{Rule: item.Rule, Kind: item.Kind, Money: &retention.Money{Month: 1}}
		}
		sums[item.Rule].Add(item)
	}
	require.NoError(t, lines.Flush(t.Context()))
	for _, name := range []string{"sources", hostileTitle[0]} {
		if sums[name] != nil {
			p.Rules = append(p.Rules, *sums[name])
		}
	}
	p.Chunks = lines.Written
	change(&p)
	require.NoError(t, p.Seal())
	require.NoError(t, removal.WritePlan(t.Context(), o, p))
	return p
}

// person asks a console without a browser.
type person struct {
	t *testing.T
	s *Server
}

func (u person) ask(method, path string, form url.Values) *httptest.ResponseRecorder {
	u.t.Helper()
	r := httptest.NewRequestWithContext(u.t.Context(), method, "http://127.0.0.1:80"+path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Origin", "http://127.0.0.1:80")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.AddCookie(&http.Cookie{Name: "vodcurator_80", Value: u.s.session})
	w := httptest.NewRecorder()
	u.s.Handler().ServeHTTP(w, r)
	return w
}

// says sends a form and gives the note that the page after it shows.
func (u person) says(path string, form url.Values) string {
	u.t.Helper()
	w := u.ask(http.MethodPost, path, form)
	require.Equal(u.t, http.StatusSeeOther, w.Code, w.Body.String())
	next, err := url.Parse(w.Header().Get("Location"))
	require.NoError(u.t, err)
	n := u.s.take(next.Query().Get("note"))
	return n.Text
}

func (u person) shows(path string, want ...string) string {
	u.t.Helper()
	w := u.ask(http.MethodGet, path, nil)
	require.Equal(u.t, http.StatusOK, w.Code, w.Body.String())
	for _, text := range want {
		require.Contains(u.t, w.Body.String(), text, path)
	}
	return w.Body.String()
}

// withPlan is a console over STATE alone.
func withPlan(t *testing.T, n int, change func(*removal.Plan)) (person, *state.Store, removal.Plan) {
	t.Helper()
	dir := t.TempDir()
	env := map[string]string{"STATE": "file:" + dir, "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456"}
	s, err := Open(func(name string) string { return env[name] }, "", nil)
	require.NoError(t, err)
	o, err := s.App.State.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, o.Close()) })
	return person{t, s}, o, listedPlan(t, o, n, change)
}

func asItIs(*removal.Plan) {}

const typedRight = "cn-shanghai 1234567890123456"

func TestAPlanIsApprovedAsItWasLookedAt(t *testing.T) {
	u, o, p := withPlan(t, 3, asItIs)
	path := "/plans/" + p.ID
	for name, form := range map[string]url.Values{
		"nothing was changed":         {"hash": {p.Hash}, "typed": {"cn-shanghai 1234"}},
		`"" was typed`:                {"hash": {p.Hash}},
		"is not the one":              {"hash": {p.Hash[1:]}, "typed": {typedRight}},
		"is not the one that":         {"typed": {typedRight}},
		"name 1 item or more":         {"hash": {p.Hash}, "typed": {typedRight}, "first": {"-1"}},
		"is no number":                {"hash": {p.Hash}, "typed": {typedRight}, "first": {"all"}},
		"lists 3 items, name no more": {"hash": {p.Hash}, "typed": {typedRight}, "first": {"4"}},
	} {
		require.Contains(t, u.says(path+"/approve", form), name)
		_, err := removal.ReadApproval(t.Context(), o, p)
		require.ErrorIs(t, err, video.ErrNotFound, name)
	}
	form := url.Values{"hash": {p.Hash}, "typed": {typedRight}, "first": {"2"}, "by": {"anna"}, "note": {"as agreed"}}
	require.Contains(t, u.says(path+"/approve", form), "is approved by local:")
	given, err := removal.ReadApproval(t.Context(), o, p)
	require.NoError(t, err)
	require.Equal(t, []any{2, "said to be by anna: as agreed"}, []any{given.First, given.Note})
	require.Contains(t, u.says(path+"/approve", form), "is approved the first 2 items by local:", "a second time")
	again, err := removal.ReadApproval(t.Context(), o, p)
	require.NoError(t, err)
	require.Equal(t, given, again)

	require.Contains(t, u.says(path+"/withdraw", url.Values{"hash": {"x"}}), "is not the one")
	require.Contains(t, u.says(path+"/withdraw", url.Values{"hash": {p.Hash}, "note": {"no"}}), "is withdrawn by")
	require.Contains(t, u.says(path+"/withdraw", url.Values{"hash": {p.Hash}}), "nothing was changed")
	w, err := removal.ReadWithdrawal(t.Context(), o, p.ID)
	require.NoError(t, err)
	require.Equal(t, "no", w.Note)
	u.shows(path, "withdrawn", "only one that is not approved yet can be")
}

func TestOfAllWhoDecideAtOnceOneWins(t *testing.T) {
	u, o, p := withPlan(t, 3, asItIs)
	said := make([]string, 6)
	var all sync.WaitGroup
	for i := range said {
		all.Go(func() {
			said[i] = u.says("/plans/"+p.ID+"/approve", url.Values{"hash": {p.Hash}, "typed": {typedRight}, "note": {fmt.Sprint("person ", i)}})
		})
	}
	all.Wait()
	given, err := removal.ReadApproval(t.Context(), o, p)
	require.NoError(t, err)
	won := 0
	for _, text := range said {
		if strings.Contains(text, "is approved by") && !strings.Contains(text, "only one") {
			won++
			continue
		}
		require.Contains(t, text, given.Note, "the others are told whose approval it is")
	}
	require.Equal(t, 1, won, said)
}

func TestAPlanWithACorruptListCannotBeApproved(t *testing.T) {
	u, o, p := withPlan(t, 60, asItIs)
	require.NoError(t, os.WriteFile(filepath.Join(strings.TrimPrefix(u.s.App.Config.State, "file:"), "parts", p.Chunks[1].Hash+".jsonl"), []byte("{}\n"), 0o600))
	page := u.shows("/plans/"+p.ID, "corrupt", "nobody can approve the plan", "v0001")
	require.NotContains(t, page, `name="typed"`)
	require.Contains(t, u.says("/plans/"+p.ID+"/approve", url.Values{"hash": {p.Hash}, "typed": {typedRight}}), "its item list cannot be read")
	require.Contains(t, u.says("/plans/"+p.ID+"/approve", url.Values{"hash": {p.Hash}, "typed": {typedRight}, "first": {"1"}}), "its item list cannot be read")
	_, err := removal.ReadApproval(t.Context(), o, p)
	require.ErrorIs(t, err, video.ErrNotFound)
}

func TestAPlanOverItsGuardsIsApprovedInPortions(t *testing.T) {
	u, o, p := withPlan(t, 1200, func(p *removal.Plan) { p.Library.Media, p.Over = 100_000, []string{"1200 items, at most 1000"} })
	page := u.shows("/plans/"+p.ID, "Over a guard", "1200 items, at most 1000")
	require.Contains(t, page, "All of it is over the guards")
	require.Contains(t, u.says("/plans/"+p.ID+"/approve", url.Values{"hash": {p.Hash}, "typed": {typedRight}}), "over the guards")
	require.Contains(t, u.says("/plans/"+p.ID+"/approve", url.Values{"hash": {p.Hash}, "typed": {typedRight}, "first": {"50"}}), "is approved")
	given, err := removal.ReadApproval(t.Context(), o, p)
	require.NoError(t, err)
	require.Equal(t, 50, given.First)
}

func TestAPlanOfAnotherAccountIsShownAndNotApproved(t *testing.T) {
	u, _, p := withPlan(t, 2, func(p *removal.Plan) { p.Account = "99" })
	u.shows("/plans/"+p.ID, "is of account 99")
	require.Contains(t, u.says("/plans/"+p.ID+"/approve", url.Values{"hash": {p.Hash}, "typed": {"cn-shanghai 99"}}), "this environment is of")
}

func TestHaltIsOneClickAndResumeIsTyped(t *testing.T) {
	u, o, _ := withPlan(t, 1, asItIs)
	require.Contains(t, u.says("/plans/halt", url.Values{"note": {hostileTitle[0]}, "back": {"https://attacker.example/"}}), "Removal is halted")
	require.Contains(t, u.says("/plans/halt", url.Values{"note": {"again"}}), "halted already")
	require.Contains(t, u.says("/plans/resume", url.Values{"typed": {"yes"}}), "nothing was changed")
	require.Error(t, removal.CheckHalt(t.Context(), o))
	u.shows("/plans/", "Removal is halted", "&lt;script&gt;")
	require.Contains(t, u.says("/plans/resume", url.Values{"typed": {typedRight}}), "may go on")
	require.NoError(t, removal.CheckHalt(t.Context(), o))
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	u, _, p := withPlan(t, 1, asItIs)
	for _, id := range []string{"20200101T000000Z-00000000", "..%2f..%2fetc", "%00", "x"} {
		w := u.ask(http.MethodGet, "/plans/"+id, nil)
		require.Equal(t, http.StatusNotFound, w.Code, id)
	}
	for _, query := range []string{"?page=9999", "?page=-1", "?page=x", "?rule=none", "?category=%3Dnone", "?rule=%00&category=x"} {
		u.shows("/plans/"+p.ID+query, p.ID)
	}
	dir := filepath.Join(t.TempDir(), "none")
	env := map[string]string{"STATE": "file:" + dir, "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456"}
	s, err := Open(func(name string) string { return env[name] }, "", nil)
	require.NoError(t, err)
	person{t, s}.shows("/plans/", "STATE holds nothing")
	require.Contains(t, person{t, s}.says("/plans/halt", url.Values{}), "holds nothing")
	require.NoDirExists(t, dir)
}

// A night from uploads to the ledger, decided on in a browser.
func TestAPlanInABrowser(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(policy, []byte("rules:\n  - name: temporary\n    select: '\"temp\" in tags'\n    older_than: 30d\n    remove: {video: true}\nguards: {count: 1000, percent: 100, bytes: 1TB, unknown: 20}\n"), 0o600))
	c := cloud(t, localcloud.Options{Env: map[string]string{"POLICY_FILE": policy}, Callback: "none"})
	for i := range 8 {
		c.VOD.Seed(fakevod.Asset{Title: hostileTitle[i%len(hostileTitle)][:min(120, len(hostileTitle[i%len(hostileTitle)]))], Tags: "temp", Created: c.Now().AddDate(0, 0, -90), Status: "Normal", Size: int64(1000 * (i + 1)), Source: &fakevod.Source{Status: "Normal", FileName: "a.mp4"}})
	}
	c.VOD.Seed(fakevod.Asset{Title: "stays", Tags: "temp", Created: c.Now().AddDate(0, 0, -3), Status: "Normal"})
	invoke(t, c, "purgeplan")
	s := of(t, c)
	o, err := s.App.State.Open(t.Context())
	require.NoError(t, err)
	p, _, err := removal.LatestPlan(t.Context(), o, func(p removal.Plan) bool { return p.Duty == retention.Removing }, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 8, p.Items)
	b := open(t, s)
	path := "/plans/" + p.ID

	var shown removal.Plan
	require.NoError(t, json.Unmarshal(vodctlSays(t, c, "plan", "show", "-o", "json"), &shown))
	b.visit(path)
	require.Contains(t, b.text("main"), fmt.Sprintf("%d items of %d assets", shown.Items, shown.Media))
	require.Len(t, js[[]string](b, `[...document.querySelectorAll(".plan-items li")].map(l => l.innerText)`), 8)

	approve := func(typed string) {
		b.visit(path)
		b.do(chromedp.SendKeys("#typed", typed+"\r"), chromedp.WaitVisible(".note"))
	}
	approve("cn-shanghai 1")
	require.Contains(t, b.text(".note"), "nothing was changed")
	approve(p.Region + " " + p.Account)
	require.Contains(t, b.text(".note"), "is approved by")
	require.Contains(t, b.text("[data-live]"), "approved")

	invoke(t, c, "purge")
	b.shows("[data-live]", "ended")
	require.Equal(t, "8", b.text("[data-sum=done]"))
	var ledger struct {
		Plans []struct{ Freed, Skipped removal.Totals }
	}
	require.NoError(t, json.Unmarshal(vodctlSays(t, c, "ledger", "report", "-o", "json"), &ledger))
	require.Equal(t, []int{8, 0}, []int{ledger.Plans[0].Freed.Items, ledger.Plans[0].Skipped.Items})
	b.quiet()

	hostilePlan := listedPlan(t, o, 60, func(p *removal.Plan) { p.Created = p.Created.Add(time.Second) })
	for name, page := range map[string]string{"list": "/plans/", "plan": "/plans/" + hostilePlan.ID, "progress": path + "/progress"} {
		t.Run(name, func(*testing.T) {
			b.looksRight(page)
			b.shot("plans-" + name)
		})
	}
}

// invoke runs a timer's function now.
func invoke(t *testing.T, c *localcloud.Cloud, name string) {
	t.Helper()
	tick := fmt.Sprintf(`{"triggerTime":%q,"triggerName":"t","payload":""}`, c.Now().UTC().Format(time.RFC3339))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Env()["FUNCTIONS_ENDPOINT"]+"/2023-03-30/functions/"+name+"/invocations", strings.NewReader(tick))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Less(t, answer.StatusCode, 300)
}

// vodctlSays is what the tool prints at a local cloud.
func vodctlSays(t *testing.T, c *localcloud.Cloud, args ...string) []byte {
	t.Helper()
	built, err := programs.Build(t.Context(), "../..", "shared/cmd/vodctl")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), built, args...)
	cmd.Env = os.Environ()
	for k, v := range c.Env() {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.Output()
	require.NoError(t, err)
	return out
}
