package retention

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// facts are what the rules of one policy ask about one asset.
type facts struct {
	m     video.Media
	at    Inputs
	words rule.Facts

	// What cannot be told must never let anything else go. maybe are the streams, by
	// job, that a rule takes if a fact that is missing turns out so: they count neither
	// as taken nor as staying. unsure says that such a fact was met at all.
	maybe  map[string]bool
	unsure bool
}

func newCase(m video.Media, at Inputs) *facts {
	m = believed(m)
	c := &facts{m: m, at: at, words: rule.FactsOf(m, at.Now), maybe: map[string]bool{}}
	for _, name := range m.Doubts {
		rule.Without(&c.words, name)
	}
	if src := m.Source; src == nil || (src.Gone() || src.Status == "") && min(src.Width, src.Height) <= 0 {
		// Rules for tags may go by the largest stream. It may be a poor copy, so what
		// is removed may not.
		for _, name := range shapeFacts {
			rule.Without(&c.words, name)
		}
	}
	if !counted(m) {
		rule.Without(&c.words, "bytes")
	}
	return c
}

var shapeFacts = []string{"width", "height", "short_side", "orientation", "fps", "bitrate", "codec"}

// believed is the asset without the facts that two answers of the library tell
// differently. Tags and category stay: they are protective words (see disputed).
func believed(m video.Media) video.Media {
	for _, name := range m.Doubts {
		switch name {
		case "kind":
			m.Kind = ""
		case "status":
			m.Status = ""
		case "duration":
			m.Duration = 0
			if m.Source != nil {
				source := *m.Source
				source.Duration, m.Source = 0, &source
			}
		case "size":
			m.Size = 0
			if m.Source != nil {
				source := *m.Source
				source.Size, m.Source = 0, &source
			}
		case "created", "uploaded":
			m.Created = time.Time{}
		case "modified":
			m.Modified = time.Time{}
		case "source":
			m.Source = nil
		case "streams":
			m.Streams = nil
		case "snapshots", "cover":
			m.Snapshots = nil
		}
	}
	return m
}

// doubt keeps because facts are missing, and remembers that.
func (c *facts) doubt(v *Verdict, k Keep, missing ...string) {
	c.unsure = true
	k.ID, k.Why, k.Missing = v.ID, Doubt, missing
	v.Keeps = append(v.Keeps, k)
}

// The moments that an age may be counted from.
const (
	uploaded = "upload"
	modified = "modification"
	viewed   = "view"
)

// age is the time since the upload, the last change or the last view. missing names
// the fact without which it cannot be told, and doubt says so.
func (c *facts) age(since string) (age time.Duration, missing, doubt string) {
	from, name := c.m.Created, "uploaded"
	switch since {
	case modified:
		from, name = c.m.Modified, "modified"
	case viewed:
		if c.at.Viewed == nil {
			return 0, "viewed", "no usage was given, so the last view is unknown"
		}
		seen, ok := c.at.Viewed(c.m.ID)
		if !ok {
			return 0, "viewed", "last view unknown"
		}
		// What was uploaded after its last counted view is as young as its upload.
		if isTold(c.m.Created, c.at.Now) && seen.After(c.m.Created) {
			from, name = seen, "viewed"
		} else {
			since = uploaded
		}
	}
	switch {
	case from.After(c.at.Now):
		return 0, name, since + " time lies in the future"
	case !isTold(from, c.at.Now):
		return 0, name, since + " time unknown"
	}
	return c.at.Now.Sub(from), "", ""
}

// judge adds what one rule takes of the asset, or why it does not. Of its source the
// rule gives only why it would go (empty: it stays): that is taken when the streams
// of all rules are.
func (r *removal) judge(c *facts, v *Verdict) (source string) {
	if r.expires != "" {
		r.expire(c, v)
		return ""
	}
	selected, missing, why := r.when.ask(c)
	if selected == rule.No {
		return ""
	}
	if selected == rule.Unknown {
		c.doubt(v, Keep{Rule: r.name, Reason: "select cannot be evaluated: " + why}, missing...)
		r.mayTake(c)
		return ""
	}
	because := "no age limit"
	if r.olderThan > 0 {
		age, fact, doubt := c.age(r.since)
		because = fmt.Sprintf("%s since %s, limit %s", days(age), r.since, days(r.olderThan))
		switch {
		case doubt != "":
			c.doubt(v, Keep{Rule: r.name, Reason: doubt}, fact)
			r.mayTake(c)
			return ""
		case age <= r.olderThan:
			v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: r.name, Why: Young, Due: c.at.Now.Add(r.olderThan - age), Reason: because})
			return ""
		}
	}
	switch {
	case Changing(c.m.StorageClass):
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: r.name, Why: Doubt, Reason: "its storage class is being changed"})
		return ""
	case r.video:
		v.Items = append(v.Items, Item{ID: v.ID, Kind: Whole, Bytes: Size(c.m), Rule: r.name, Reason: because})
		return ""
	case c.m.Status == "":
		c.doubt(v, Keep{Rule: r.name, Reason: "status unknown: its parts may still change"}, "status")
		return "" // and no other rule takes parts of it
	case c.m.Status != video.StatusNormal:
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Rule: r.name, Why: Doubt,
			Reason: fmt.Sprintf("status %q: its parts may still change", c.m.Status)})
		return ""
	}
	if r.streams != nil {
		r.takeStreams(c, v, because)
	}
	if len(r.images) > 0 {
		r.takeImages(c, v, because)
	}
	if r.source == nil {
		return ""
	}
	return because
}

// mayTake notes the streams that the rule would look at if it were known to apply.
func (r *removal) mayTake(c *facts) {
	if r.streams == nil {
		return
	}
	for _, s := range c.m.Streams {
		if fits, _ := r.streams.fits(s); fits != rule.No {
			c.maybe[s.Job] = true
		}
	}
}

func (r *removal) takeSource(c *facts, v *Verdict, because string) {
	keep := func(why Why, format string, args ...any) {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Kind: Source, Rule: r.name, Why: why, Reason: fmt.Sprintf(format, args...)})
	}
	doubt := func(reason string, missing ...string) {
		c.doubt(v, Keep{Kind: Source, Rule: r.name, Reason: reason}, missing...)
	}
	src := c.m.Source
	switch {
	case src == nil:
		doubt("the library did not tell about the source file", "source")
		return
	case src.Gone():
		return // nothing left to take
	case src.Status == "":
		doubt("status of the source file unknown", "source.status")
		return
	case src.Status != "Normal":
		keep(Doubt, "source file has status %q", src.Status)
		return
	case c.m.Streams == nil:
		doubt(untoldStreams, "streams")
		return
	case playsSource(c.m.TranscodeMode):
		keep(Needed, "transcode mode %s: the source file is what people play", c.m.TranscodeMode)
		return
	case slices.ContainsFunc(c.m.Streams, func(s video.Stream) bool { return s.Definition == "OD" }):
		keep(Needed, "a stream is the source file itself (OD): it is what people play")
		return
	}
	if i := slices.IndexFunc(c.m.Streams, func(s video.Stream) bool { return s.Definition == "" }); i >= 0 {
		doubt("a stream does not tell its definition, so it may be the source file itself", fmt.Sprintf("streams[%d].definition", i))
		return
	}
	n := r.goodStreams(c, v)
	asked := "as the source file is"
	if r.source.minHeight > 0 {
		asked = fmt.Sprintf("of at least %d lines", r.source.minHeight)
	}
	streams, stay := goodOnes(n.good)
	found := fmt.Sprintf("%s %s, wanted %d", streams, asked, r.source.goodStreams)
	switch {
	case n.good >= r.source.goodStreams && n.full == rule.Yes:
		v.Items = append(v.Items, Item{ID: v.ID, Kind: Source, Bytes: told(cmp.Or(src.Size, c.m.Size)), Rule: r.name,
			Reason: fmt.Sprintf("%s; %s %s", because, streams, stay)})
	case n.good+len(n.open) < r.source.goodStreams:
		keep(Needed, "%s", found)
	case n.full == rule.No && len(n.open) == 0:
		keep(Needed, "%s; none has the lines of the source file, and the policy names no min_height", found)
	default:
		missing := slices.Concat(n.open, n.unseen)
		doubt(found+"; unknown: "+strings.Join(missing, ", "), missing...)
	}
}

// goodOnes words so many good streams, and what they do.
func goodOnes(n int) (streams, stay string) {
	if n == 1 {
		return "1 good stream", "stays"
	}
	return fmt.Sprintf("%d good streams", n), "stay"
}

// count is what stays of an asset's streams in place of its source.
type count struct {
	good   int        // streams that stay for certain and stand in for it
	open   []string   // facts of which each may make one more
	full   rule.Truth // one of them shows as much as the source does, or need not
	unseen []string   // facts without which that is not known
}

// goodStreams counts the streams that would stand in for the source. Where the policy
// names no height, one of them must show as much as the source.
func (r *removal) goodStreams(c *facts, v *Verdict) (n count) {
	need := Need{Height: r.source.minHeight, Encrypted: r.source.encrypted}
	if need.Height > 0 || kindOf(c.m) == video.KindAudio {
		n.full = rule.Yes
	}
	for i, s := range c.m.Streams {
		// A stream that goes by any rule does not stand in for the source.
		if s.Job != "" && slices.ContainsFunc(v.Items, func(i Item) bool { return i.Kind == Stream && i.Part == s.Job }) {
			continue
		}
		complete, why := Complete(s, c.m, need)
		switch {
		case complete == rule.Yes && c.maybe[s.Job]:
			n.open = append(n.open, streamFact(i, mayGo))
		case complete == rule.Unknown:
			n.open = append(n.open, streamFact(i, why))
		case complete == rule.Yes:
			n.good++
			shows, what := fills(s, *c.m.Source)
			if n.full = max(n.full, shows); shows == rule.Unknown {
				n.unseen = append(n.unseen, streamFact(i, what))
			}
		}
	}
	return n
}

const untoldStreams = "the library did not tell about the streams"

func (r *removal) takeImages(c *facts, v *Verdict, because string) {
	if len(c.m.Snapshots) == 0 {
		return // none are known, and a call for nothing is still a call to delete
	}
	for _, kind := range r.images {
		if c.at.Imaged != nil && c.at.Imaged(v.ID, kind) {
			continue // nothing left to take, and the library tells of covers only
		}
		if coverMayBe(c.m, kind) {
			v.Keeps = append(v.Keeps, Keep{ID: v.ID, Kind: Images, Part: kind, Rule: r.name, Why: Needed,
				Reason: "the video has a cover, and it may be one of these"})
			continue
		}
		v.Items = append(v.Items, Item{ID: v.ID, Kind: Images, Part: kind, Bytes: Unknown, Rule: r.name, Reason: because})
	}
}

// coverMayBe says that the cover in use may be a snapshot of that type. An image that
// somebody uploaded lies under /image/, a snapshot under the id of its video, in a folder
// for its type. What lies elsewhere may be of any type.
func coverMayBe(m video.Media, kind string) bool {
	if m.Cover == "" {
		return false
	}
	path := pathOf(m.Cover)
	listed := slices.ContainsFunc(m.Snapshots, func(s string) bool { return pathOf(s) == path })
	switch folder := folderOf(path, m.ID); {
	case listed && (folder == "" || folder == "CoverSnapshot"):
		return kind == "CoverSnapshot" // the library lists these only
	case listed: // the list and the address tell it differently
		return true
	case folder == "Sprite":
		return strings.HasPrefix(kind, "Sprite")
	case folder != "":
		return kind == folder
	}
	return !strings.HasPrefix(path, "/image/cover/") && !strings.HasPrefix(path, "/image/default/")
}

// folderOf is the type of snapshot whose folder a path lies in; empty: in none that is
// known.
func folderOf(path string, id video.ID) string {
	own := strings.ToLower("/" + string(id) + "/")
	at := strings.Index(path, own)
	if at < 0 {
		return ""
	}
	switch rest := path[at+len(own):]; {
	case strings.HasPrefix(rest, "covers/sprite/"):
		return "Sprite"
	case strings.HasPrefix(rest, "covers/"):
		return "CoverSnapshot"
	case strings.HasPrefix(rest, "snapshots/normal/"):
		return "NormalSnapshot"
	}
	return ""
}

// pathOf is the path of a URL in small letters, and all of what is none.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return strings.ToLower(address)
	}
	return strings.ToLower(u.Path)
}

// Size is what an asset holds in bytes, Unknown when any part does not say.
// Snapshots are not counted: their size is told nowhere.
func Size(m video.Media) int64 {
	var sum int64
	switch {
	case m.Streams == nil:
		return Unknown
	case m.Source != nil && m.Source.Gone():
	case m.Source != nil && m.Source.Size > 0:
		sum = m.Source.Size
	case m.Size > 0:
		sum = m.Size
	default:
		return Unknown
	}
	for _, s := range m.Streams {
		if s.Definition == "OD" {
			continue // the source file under another name
		}
		if s.Size <= 0 {
			return Unknown
		}
		sum += s.Size
	}
	return sum
}

func told(size int64) int64 {
	if size <= 0 {
		return Unknown
	}
	return size
}

// Seen is a fingerprint of everything about a media that a decision may rest on.
// Two reads with the same fingerprint are the same to every rule, but for time.
// What our own removals change (streams, source, snapshots) is left out: the
// items say it, and each is looked for again before it goes.
func Seen(m video.Media) string {
	return fingerprint([]any{m.ID, m.Kind, m.Title, m.Description, m.Tags, m.Category, m.Cover, m.Status,
		m.Created.UTC(), m.StorageClass, m.Storage, m.App, m.UserData, m.Origin, m.TranscodeMode, m.Duration})
}

func fingerprint(facts any) string {
	text, err := json.Marshal(facts)
	if err != nil {
		return "" // strings, numbers and times always marshal; an empty print matches nothing
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// sourcePart is the name of the source among fingerprints; no job has it.
const sourcePart = "source"

// prints are the fingerprints of the parts that are there.
func prints(m video.Media) map[string]string {
	parts := map[string]string{}
	for _, s := range m.Streams {
		s.Created = s.Created.UTC()
		parts[s.Job] = fingerprint(s)
	}
	if m.Source != nil && !m.Source.Gone() {
		source := *m.Source
		source.Created = source.Created.UTC()
		parts[sourcePart] = fingerprint(source)
	}
	return parts
}

// prints are those of the media, where something but the whole of it would go.
func (v Verdict) prints(m video.Media) map[string]string {
	ofPart := func(i Item) bool { return i.Kind != Whole && i.Kind != Move }
	if slices.ContainsFunc(v.Items, ofPart) || slices.ContainsFunc(v.Claims, func(c Claim) bool { return ofPart(c.Item) }) {
		return prints(m)
	}
	return nil
}

// days words a duration in days, as policies do, and a shorter one as reports do.
func days(d time.Duration) string {
	if d >= 24*time.Hour {
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
	minutes := int(d / time.Minute) // rounded down, as days are
	switch h, m := minutes/60, minutes%60; {
	case h == 0:
		return fmt.Sprintf("%d min", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	default:
		return fmt.Sprintf("%d h %02d min", h, m)
	}
}

func within(k keepRule, age time.Duration) string {
	return fmt.Sprintf("%s since %s, kept within %s", days(age), k.since, days(k.within))
}
