package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"time"

	"vodcurator/shared/video"
)

// covers fetches the pictures of assets for the pages. Whoever may edit an asset sets the
// address of its cover, so this server asks no address of this machine or of its network,
// follows no redirect to one, and shows nothing but a picture. The viewer's browser never
// sees the address, which may be signed.
type covers struct {
	mu     sync.Mutex
	groups map[video.ID]*coverGroup
	slots  chan struct{}
	client *http.Client
	own    []string // where a local cloud's pictures lie; not empty: only there
}

// coverGroup is the assets of a page, whose addresses are read by one call.
type coverGroup struct {
	images bool
	ids    []video.ID
	once   sync.Once
	read   map[video.ID]string
}

const (
	coverTime  = 5 * time.Second
	coverBytes = 2 << 20
	// coversAtOnce bounds the pictures that are fetched at the same time.
	coversAtOnce = 8
	// coversKept bounds the addresses that are remembered.
	coversKept = 1000
)

var errNoCover = errors.New("there is no cover to show")

// newCovers makes the fetcher; own are addresses of a local cloud, which it may ask.
func newCovers(own ...string) *covers {
	dialer := &net.Dialer{Timeout: coverTime, Control: func(_, address string, _ syscall.RawConn) error {
		if slices.Contains(own, address) {
			return nil
		}
		return outside(address)
	}}
	return &covers{own: own, groups: map[video.ID]*coverGroup{}, slots: make(chan struct{}, coversAtOnce), client: &http.Client{
		Timeout:   coverTime,
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: coverTime, IdleConnTimeout: 10 * time.Second}, // no proxy: it would dial for us
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 || r.URL.Scheme != "http" && r.URL.Scheme != "https" {
				return errNoCover
			}
			return nil
		},
	}}
}

// ownAddresses are those of the local cloud's stores.
func (s *Server) ownAddresses() (all []string) {
	if s.Local == "" || s.App == nil {
		return nil
	}
	for _, text := range []string{s.App.VODEndpoint, s.App.OSSEndpoint} {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			all = append(all, u.Host)
		}
	}
	return all
}

// notOutside are the networks that are special for some reason beside those that package
// netip names: shared (where clouds keep their metadata), this network, tests, benchmarks,
// relays to IPv4, reserved.
var notOutside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// outside refuses an address that is dialled, after its name was looked up, where it is no
// public one on a port of the web.
func outside(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := to.Addr().Unmap()
	public := ip.IsGlobalUnicast() && !ip.IsPrivate() && ip.Zone() == "" &&
		!slices.ContainsFunc(notOutside, func(p netip.Prefix) bool { return p.Contains(ip) })
	if !public || to.Port() != 80 && to.Port() != 443 {
		return fmt.Errorf("%w: its address is of no public server", errNoCover)
	}
	return nil
}

// expect notes that a page shows assets, so that their addresses are read together.
func (c *covers) expect(ids []video.ID, images bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.groups) > coversKept {
		clear(c.groups)
	}
	for chunk := range slices.Chunk(ids, video.MaxBatch) {
		g := &coverGroup{ids: chunk, images: images}
		for _, id := range chunk {
			c.groups[id] = g
		}
	}
}

// address is where VOD says that the cover lies; empty: nowhere.
func (s *Server) coverAddress(ctx context.Context, id video.ID) string {
	c := s.covers
	c.mu.Lock()
	g := c.groups[id]
	c.mu.Unlock()
	if g == nil {
		c.expect([]video.ID{id}, false)
		return s.coverAddress(ctx, id)
	}
	g.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*coverTime) // for all of the page, whoever leaves it
		defer cancel()
		g.read = map[video.ID]string{}
		if !g.images {
			answers, err := s.App.VOD.Media(ctx, g.ids)
			for _, a := range answers {
				g.read[a.ID] = a.Value.Cover
			}
			if err == nil && !slices.ContainsFunc(answers, func(a video.Answer[video.Media]) bool { return a.Err != nil }) {
				return
			}
		}
		answers, _ := s.App.VOD.Images(ctx, g.ids)
		for _, a := range answers {
			g.read[a.ID] = cmp.Or(a.Value.URL, g.read[a.ID])
		}
	})
	return g.read[id]
}

// fetched says whether an address is one to fetch a picture from.
func (c *covers) fetched(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, false
	}
	return u, len(c.own) == 0 || slices.Contains(c.own, u.Host)
}

// picture fetches a picture with its type.
func (c *covers) picture(ctx context.Context, address string) (kind string, body []byte, err error) {
	u, ok := c.fetched(address)
	if !ok {
		return "", nil, errNoCover
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return "", nil, ctx.Err()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", nil, errNoCover
	}
	r.Header.Set("Accept", "image/*")
	answer, err := c.client.Do(r)
	if err != nil {
		return "", nil, errNoCover // which does not say the address
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("%w: HTTP %d", errNoCover, answer.StatusCode)
	}
	if body, err = io.ReadAll(io.LimitReader(answer.Body, coverBytes+1)); err != nil || len(body) > coverBytes {
		return "", nil, fmt.Errorf("%w: it cannot be read, or has more than %d bytes", errNoCover, coverBytes)
	}
	switch kind = http.DetectContentType(body); kind { // whatever it says of itself
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		return kind, body, nil
	}
	return "", nil, fmt.Errorf("%w: it is no picture", errNoCover)
}

// noCover is shown in place of a cover.
const noCover = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9"><rect width="16" height="9" fill="#8884"/><path d="M6.8 2.7l3.4 1.8-3.4 1.8z" fill="#8888"/></svg>`

// cover answers with the picture of an asset, or with a plain one.
func (s *Server) cover(w http.ResponseWriter, r *http.Request) {
	id := video.ID(r.PathValue("id"))
	w.Header().Set("Cache-Control", "private, max-age=300")
	kind, body, err := s.covers.picture(r.Context(), s.coverAddress(r.Context(), id))
	if err != nil {
		kind, body = "image/svg+xml", []byte(noCover)
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body)
}
