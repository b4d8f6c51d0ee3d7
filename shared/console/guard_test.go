package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bare is a console over nothing, whose one action counts.
func bare(t *testing.T, acted *int) (*Server, *httptest.Server) {
	t.Helper()
	s, err := New(Options{})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { *acted++ })
	web := httptest.NewServer(s.guard(mux))
	t.Cleanup(web.Close)
	return s, web
}

func TestOnlyAPersonAtThisMachineGetsThrough(t *testing.T) {
	acted := 0
	s, web := bare(t, &acted)
	host := strings.TrimPrefix(web.URL, "http://")
	good := &http.Cookie{Name: "vodcurator_" + host[strings.LastIndex(host, ":")+1:], Value: s.session}
	for name, tc := range map[string]struct {
		method, host, origin, site string
		cookie                     *http.Cookie
		want                       int
	}{
		"a page":                              {"GET", host, "", "none", good, 200},
		"a page by a link of ours":            {"GET", host, "", "same-origin", good, 200},
		"a form of ours":                      {"POST", host, web.URL, "same-origin", good, 200},
		"no cookie":                           {"GET", host, "", "", nil, 403},
		"the cookie of an earlier run":        {"GET", host, "", "", &http.Cookie{Name: good.Name, Value: random()}, 403},
		"an empty cookie":                     {"GET", host, "", "", &http.Cookie{Name: good.Name}, 403},
		"a cookie of another port":            {"GET", host, "", "", &http.Cookie{Name: "vodcurator_1", Value: s.session}, 403},
		"a name that DNS points here":         {"GET", "attacker.example:80", "", "", good, 403},
		"localhost of somebody":               {"GET", "localhost.attacker.example", "", "", good, 403},
		"an address of the network":           {"GET", "192.168.1.10:80", "", "", good, 403},
		"a form without an origin":            {"POST", host, "", "", good, 403},
		"a form of another site":              {"POST", host, "https://attacker.example", "cross-site", good, 403},
		"a form of nobody":                    {"POST", host, "null", "", good, 403},
		"a form of another port":              {"POST", host, "http://127.0.0.1:1", "same-site", good, 403},
		"a form without a cookie":             {"POST", host, web.URL, "same-origin", nil, 403},
		"another site's link":                 {"GET", host, "", "cross-site", good, 403},
		"DELETE of another site":              {"DELETE", host, "https://attacker.example", "", good, 403},
		"the token is no cookie":              {"GET", host, "", "", &http.Cookie{Name: good.Name, Value: s.token}, 403},
		"a host with another's name as login": {"POST", host, "http://" + host + "@attacker.example", "", good, 403},
	} {
		before := acted
		r := httptest.NewRequestWithContext(t.Context(), tc.method, "http://"+host+"/", nil)
		r.Host = tc.host
		if tc.origin != "" {
			r.Header.Set("Origin", tc.origin)
		}
		if tc.site != "" {
			r.Header.Set("Sec-Fetch-Site", tc.site)
		}
		if tc.cookie != nil {
			r.AddCookie(tc.cookie)
		}
		w := httptest.NewRecorder()
		web.Config.Handler.ServeHTTP(w, r)
		require.Equal(t, tc.want, w.Code, name)
		require.Equal(t, tc.want == 200, acted > before, name)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'self'", name)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'", name)
	}
}

func TestTheFirstAddressIsChangedForACookie(t *testing.T) {
	acted := 0
	s, web := bare(t, &acted)
	get := func(token string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/enter?token="+url.QueryEscape(token), nil)
		require.NoError(t, err)
		answer, err := web.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer
	}
	for _, wrong := range []string{"", "0", s.session, s.token + "0", s.token[1:]} {
		answer := get(wrong)
		require.Equal(t, 403, answer.StatusCode, wrong)
		require.Empty(t, answer.Cookies())
	}
	answer := get(s.token)
	require.Equal(t, 200, answer.StatusCode)
	require.Len(t, answer.Cookies(), 1)
	c := answer.Cookies()[0]
	require.Equal(t, http.SameSiteStrictMode, c.SameSite)
	require.True(t, c.HttpOnly)
	require.NotEqual(t, s.token, c.Value)
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.168.1.1:0", "example.com:0", "8080", ""} {
		_, err := Listen(t.Context(), address)
		require.Error(t, err, address)
	}
	l, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

// TestEveryTextHasItsTranslation: the English text is the key.
func TestEveryTextHasItsTranslation(t *testing.T) {
	s, err := New(Options{Local: "http://127.0.0.1:1"}) // an account has fewer pages
	require.NoError(t, err)
	used := map[string]bool{}
	all, err := files.ReadDir("pages")
	require.NoError(t, err)
	key := regexp.MustCompile(`\bt "((?:[^"\\]|\\.)*)"`)
	for _, f := range all {
		text, err := files.ReadFile("pages/" + f.Name())
		require.NoError(t, err)
		for _, m := range key.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
	}
	for _, p := range s.pages() {
		if p.menu != "" {
			used[p.menu] = true
		}
	}
	for _, a := range s.areas() {
		for _, text := range a.said {
			used[text] = true
		}
	}
	for _, lang := range languages[1:] {
		words := s.looks[lang].words
		for text := range used {
			require.Contains(t, words, text, lang)
			require.Equal(t, strings.Count(text, "%"), strings.Count(words[text], "%"), "%s: %s", lang, text)
		}
		for text := range words {
			require.True(t, used[text], "%s: %q is said nowhere", lang, text)
		}
	}
}
