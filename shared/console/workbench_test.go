package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/tag"
	"vodcurator/shared/boot"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/insight"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// someAssets are so many assets of several years.
func someAssets(n int, at time.Time) []video.Media {
	all := make([]video.Media, n)
	for i := range all {
		m := &all[i]
		m.ID, m.Kind, m.Status = video.ID(fmt.Sprintf("%032x", i+1)), video.KindVideo, video.StatusNormal
		m.Title = fmt.Sprintf("%s %d", []string{"Harbour promo", "Interview", "<b>Trailer</b>\u202e"}[i%3], i)
		m.Created = at.Add(-time.Duration(i%1000+1) * 24 * time.Hour)
		m.Modified, m.Duration, m.StorageClass = m.Created, time.Duration(i%300+1)*time.Second, "Standard"
		if i%7 == 0 {
			m.Tags = []string{"temp"}
		}
		m.Size = int64(i%50+1) << 20
		m.Source = &video.Source{Status: "Normal", FileName: fmt.Sprintf("clip%d.mp4", i), Size: m.Size, Width: 1920, Height: 1080, Duration: m.Duration, StorageClass: "Standard"}
		m.Streams = []video.Stream{{Job: fmt.Sprintf("job%d", i), Definition: "SD", Status: "Normal", Format: "mp4", Size: 1 << 20, Width: 640, Height: 360, Duration: m.Duration}}
	}
	return all
}

// snapshotFile is a snapshot with them.
func snapshotFile(t testing.TB, n int, at time.Time) string {
	t.Helper()
	var text strings.Builder
	lines := json.NewEncoder(&text)
	for _, m := range someAssets(n, at) {
		require.NoError(t, lines.Encode(m))
	}
	fmt.Fprintf(&text, "{\"categories\":[],\"end\":{\"assets\":%d,\"images\":0}}\n", n)
	name := filepath.Join(t.TempDir(), "library.jsonl")
	require.NoError(t, os.WriteFile(name, []byte(text.String()), 0o600))
	return name
}

// drafter is a console over a snapshot and a state of this machine, without a cloud.
func drafter(t testing.TB, n int, more map[string]string) *Server {
	t.Helper()
	env := map[string]string{"STATE": "file:" + t.TempDir(), "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456"}
	for k, v := range more {
		env[k] = v
	}
	config, err := boot.Read(func(name string) string { return env[name] })
	require.NoError(t, err)
	app, err := boot.New(config, nil)
	require.NoError(t, err)
	s, err := New(Options{App: app, Library: snapshotFile(t, n, time.Now())})
	require.NoError(t, err)
	return s
}

// post sends a form of ours.
func post(t testing.TB, s *Server, path string, script bool, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:80"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://127.0.0.1:80")
	if script {
		r.Header.Set("Accept", "application/json")
	}
	r.AddCookie(&http.Cookie{Name: "vodcurator_80", Value: s.session})
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

type checkAnswer struct {
	HTML   string `json:"html"`
	Marks  []mark `json:"marks"`
	Again  bool   `json:"again"`
	Nights bool   `json:"nights"`
}

// answerOf checks a text when the library is read.
func answerOf(t testing.TB, s *Server, of, text string) (a checkAnswer) {
	t.Helper()
	for range 200 {
		w := post(t, s, "/workbench/check", true, url.Values{"of": {of}, "text": {text}})
		require.Equal(t, 200, w.Code, w.Body)
		a = checkAnswer{}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
		if !a.Again {
			return a
		}
		time.Sleep(50 * time.Millisecond)
	}
	require.Fail(t, "the library is never read")
	return a
}

const oneRule = "rules:\n  - name: promo\n    when: title contains \"promo\"\n    add: [promo]\n"

func TestTheWorkbenchSaysWhatIsWrongWithATextAndWhere(t *testing.T) {
	s := drafter(t, 30, nil)
	for name, tc := range map[string]struct {
		of, text string
		line     int
		says     string
	}{
		"not YAML":              {"rules", "rules: [", 1, "not YAML"},
		"empty":                 {"rules", "", 1, "empty"},
		"unknown fact":          {"rules", strings.Replace(oneRule, "title contains", "titel contains", 1), 3, "titel"},
		"a policy's fault":      {"policy", "rules:\n  - name: x\n    select: 'nothing'\n    remove: {video: true}\n", 3, "nothing"},
		"HTML in the text":      {"rules", "<script>alert(1)</script>: 1\n", 1, "&lt;script&gt;"},
		"over a megabyte":       {"rules", strings.Repeat("# 会\n", 180_000), 1, "larger than 1 MB"},
		"a failing test":        {"rules", oneRule + "tests:\n  - name: t\n    media: {title: promo}\n    expect: {}\n", 0, "add: want [], got [promo]"},
		"a policy's lost test":  {"policy", "rules:\n  - {name: temporary, select: '\"temp\" in tags', older_than: 30d, remove: {video: true}}\ntests:\n  - name: t\n    media: {age_days: 40, tags: [temp], status: Normal, kind: video}\n    removes: []\n", 4, "removes [video]"},
		"control and bidi text": {"rules", "rules:\n  - name: \"a\u202eb\"\n    wen: x\n", 3, "wen"},
	} {
		t.Run(name, func(t *testing.T) {
			a := answerOf(t, s, tc.of, tc.text)
			require.Contains(t, a.HTML, tc.says)
			require.NotContains(t, a.HTML, "<script>")
			require.NotContains(t, a.HTML, "\u202e")
			if tc.line == 0 {
				require.Empty(t, a.Marks)
				return
			}
			require.True(t, slices.ContainsFunc(a.Marks, func(m mark) bool { return m.Line == tc.line }), "%v", a.Marks)
		})
	}
	w := post(t, s, "/workbench/check", false, url.Values{"of": {"rules"}, "text": {"rules: [\r\n"}})
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), "not YAML", "the button does the same without a script")
}

// What vodctl retag and what-if do is done here by itself.
func TestTheWorkbenchHasTheNumbersOfVodctl(t *testing.T) {
	s := drafter(t, 3000, nil)
	_ = answerOf(t, s, "rules", oneRule)
	h, _, err := s.sample(t.Context())
	require.NoError(t, err)
	draft, err := tagging.Parse("r", []byte(oneRule))
	require.NoError(t, err)
	f := &tried{}
	require.NoError(t, s.evaluate(t.Context(), state.RulesText, insight.Checked{Rules: draft}, h, f))
	want := tag.NewDiff(draft)
	hits := tag.Hits(t.Context(), h.snapshot, video.Query{Kind: video.KindVideo, CreatedTo: h.At, OldestFirst: true})
	require.NoError(t, tag.Tagger{Library: h.snapshot, Rules: draft}.Backfill(t.Context(), hits, h.At, func(step tag.Step) error {
		want.Add(step)
		return nil
	}))
	require.Equal(t, want, f.Rules.Diff)
	require.Equal(t, 1000, f.Rules.Diff.Rules[0].Matched)

	other, err := tagging.Parse("r", []byte(strings.Replace(oneRule, `"promo"`, `"Interview"`, 1)))
	require.NoError(t, err)
	require.NoError(t, s.bench.rules.base(t.Context(), h, draft, s.App.Reach()))
	e, err := s.bench.rules.effects(t.Context(), h, other, s.App.Reach())
	require.NoError(t, err)
	require.Equal(t, [3]int{1000, 1000, 1000}, [3]int{e.Rules[0].Holds, e.Rules[0].Gained, e.Rules[0].Lost})
	require.Equal(t, [2]int{1000, 1000}, [2]int{e.Tags[0].Gained, e.Tags[0].Lost})
	require.Equal(t, 2000, e.Differ)

	policy, err := retention.Parse("p", []byte("rules:\n  - {name: temporary, select: '\"temp\" in tags', older_than: 700d, remove: {video: true}}\n"))
	require.NoError(t, err)
	require.NoError(t, s.evaluate(t.Context(), state.PolicyText, insight.Checked{Policy: policy}, h, f))
	current, err := retention.Parse("d", retention.DefaultSource())
	require.NoError(t, err)
	_, one, err := s.simulate(t.Context(), h, current, 1)
	require.NoError(t, err)
	_, two, err := s.simulate(t.Context(), h, policy, 1)
	require.NoError(t, err)
	n := 0
	for _, r := range f.Policy.Rules {
		n += r.Gained.Items + r.Lost.Items
	}
	require.Len(t, insight.Difference(one, two), n)
	require.NotZero(t, n)
	var nights nightsBeside
	require.NoError(t, s.nightsOf(t.Context(), "rules:\n  - {name: temporary, select: '\"temp\" in tags', older_than: 700d, remove: {video: true}}\n", &nights))
	require.Len(t, nights.Pictures, 2)
	require.Len(t, nights.Draft, benchNightsShown)
}

func TestATextIsSavedMadeCurrentAndTakenBack(t *testing.T) {
	s := drafter(t, 30, map[string]string{"RULES_FILE": "texts/rules.yaml"})
	ctx := t.Context()
	store, err := s.App.State.Open(ctx)
	require.NoError(t, err)
	require.NoError(t, state.Replace(ctx, store, "texts/rules.yaml", []byte(oneRule)))
	read := s.App.Rules()
	rules, err := read(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"promo"}, rules.Names())

	newer := strings.Replace(oneRule, "name: promo", "name: newer", 1)
	form := url.Values{"of": {"rules"}, "text": {strings.ReplaceAll(newer, "\n", "\r\n")}, "confirm": {"yes"}, "remark": {"<i>"}}
	w := post(t, s, "/workbench/activate", false, form)
	require.Equal(t, 409, w.Code, "the key was not typed")
	require.Contains(t, w.Body.String(), "name: newer", "the text is not lost")
	form.Set("confirm", "texts/rules.yaml")
	form.Set("text", "rules: [")
	w = post(t, s, "/workbench/activate", false, form)
	require.Equal(t, 409, w.Code, "a text with mistakes")
	form.Set("text", strings.ReplaceAll(newer, "\n", "\r\n"))
	w = post(t, s, "/workbench/activate", false, form)
	require.Equal(t, 303, w.Code, w.Body)
	rules, err = read(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"newer"}, rules.Names())

	saved, err := insight.SavedTexts(ctx, s.App, state.RulesText, insight.Options{})
	require.NoError(t, err)
	require.Len(t, saved, 2, "what was there before is a version, too")
	require.True(t, saved[1].Current)
	require.Equal(t, "<i>", saved[1].Note)
	require.Equal(t, "unknown", saved[0].By)
	_, err = insight.Activate(ctx, s.App, state.RulesText, saved[0].Number, nil, insight.Options{})
	require.NoError(t, err)
	rules, err = read(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"promo"}, rules.Names())
	_, err = insight.Activate(ctx, s.App, state.RulesText, 99, nil, insight.Options{})
	require.ErrorIs(t, err, video.ErrNotFound)

	unset := drafter(t, 1, nil)
	w = post(t, unset, "/workbench/activate", false, form)
	require.Equal(t, 409, w.Code)
	require.Contains(t, w.Body.String(), "RULES_FILE is not set")
}

// BenchmarkWorkbench answers a change on 100,000 assets, beside evaluating it alone, turn by
// turn: the median of each, and their ratio.
func BenchmarkWorkbench(b *testing.B) {
	at := time.Now()
	s := drafter(b, 1, nil)
	h := &held{snapshot: insight.NewSnapshot(), At: at}
	for _, m := range someAssets(mostAssets, at) {
		h.snapshot.Add(insight.Line{Media: m})
	}
	h.snapshot.Add(insight.Line{Tree: &[]video.Category{}})
	h.Kept = h.snapshot.Len()
	require.NoError(b, h.prepare(b.Context(), s.App))
	s.bench.held = h
	policy := "rules:\n  - {name: temporary, select: '\"temp\" in tags', older_than: %dd, remove: {video: true}}\n"
	for _, of := range []string{"rules", "policy"} {
		b.Run(of, func(b *testing.B) {
			var answering, evaluating []time.Duration
			for n := 0; b.Loop(); n++ {
				text := string(tagging.DefaultFile()) + fmt.Sprintf("# %d\n", n)
				if of == "policy" {
					text = fmt.Sprintf(policy, 700+n)
				}
				if n == 0 {
					_ = answerOf(b, s, of, text) // the current text is evaluated once
				}
				start := time.Now()
				_ = answerOf(b, s, of, text)
				middle := time.Now()
				if of == "policy" {
					p, err := retention.Parse("p", []byte(text))
					require.NoError(b, err)
					_, _, err = s.simulate(b.Context(), h, p, 1)
					require.NoError(b, err)
				} else {
					r, err := tagging.Parse("r", []byte(text))
					require.NoError(b, err)
					require.NoError(b, h.weigh(b.Context(), r, s.App.Reach(), func(int, []tag.Result) {}))
				}
				answering, evaluating = append(answering, middle.Sub(start)), append(evaluating, time.Since(middle))
			}
			slices.Sort(answering)
			slices.Sort(evaluating)
			one, two := answering[len(answering)/2], evaluating[len(evaluating)/2]
			b.ReportMetric(one.Seconds(), "s/answer")
			b.ReportMetric(two.Seconds(), "s/evaluation")
			b.ReportMetric(float64(one)/float64(two), "answer/evaluation")
		})
	}
}

func TestARuleIsChangedInABrowserAndItsEffectSeenBeforeItIsSaved(t *testing.T) {
	s := drafter(t, 300, map[string]string{"RULES_FILE": "rules.yaml"})
	store, err := s.App.State.Open(t.Context())
	require.NoError(t, err)
	require.NoError(t, state.Replace(t.Context(), store, "rules.yaml", []byte(oneRule)))
	_, err = insight.SaveText(t.Context(), s.App, state.RulesText, []byte(oneRule), "<b>first</b>", insight.Options{})
	require.NoError(t, err)
	b := open(t, s)
	b.visit("/workbench")
	b.shows("#wb-found", "Rules or tags differ for 0 assets")
	edit := func(from, to string) {
		_ = js[any](b, fmt.Sprintf(`(() => { const a = document.getElementById("wb-text"); a.value = a.value.replace(%q, %q); a.dispatchEvent(new Event("input")); })(), 0`, from, to))
	}
	edit(`contains "promo"`, `contains "Trailer"`)
	b.shows("#wb-found", "Rules or tags differ for 200 assets")
	require.Contains(t, b.text("#wb-found"), "\\u202e", "a title shows what it hides")
	edit("title contains", "titel contains")
	b.shows(".wb-marks", "titel")
	b.shows("#wb-found", "Mistakes: 1")
	edit("titel contains", "title contains")
	b.shows("#wb-found", "Tried on all 300 assets")
	have, err := store.Read(t.Context(), "rules.yaml")
	require.NoError(t, err)
	require.Equal(t, oneRule, string(have), "nothing is written by looking")
	b.scheme(1600, false)
	b.shot("workbench-rules")
	b.visit("/workbench?of=policy")
	b.shows("#wb-found", "Both policies take the same")
	b.shows("#wb-nights", "Thirty nights")
	b.shot("workbench-policy")
	b.quiet()
	b.looksRight("/workbench")
	b.looksRight("/workbench?of=policy")
}
