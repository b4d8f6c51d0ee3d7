package retention

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// takeStreams adds the streams that fit every condition of the rule. The last
// complete stream is never among them: to remove that, remove the video.
func (r *removal) takeStreams(c *facts, v *Verdict, because string) {
	if c.m.Streams == nil {
		c.doubt(v, Keep{Kind: Stream, Rule: r.name, Reason: untoldStreams}, "streams")
		return
	}
	taken := map[string]bool{} // by earlier rules as well
	for _, i := range v.Items {
		taken[i.Part] = taken[i.Part] || i.Kind == Stream
	}
	best, hazy := c.best(r.streams)
	var chosen []Item
	for i, s := range c.m.Streams {
		if taken[s.Job] {
			continue
		}
		reason, keep, missing := r.choose(c, i, best, hazy)
		switch {
		case len(missing) > 0:
			c.maybe[s.Job] = true
			keep.Kind, keep.Part, keep.Rule = Stream, s.Job, r.name
			c.doubt(v, keep, missing...)
		case keep.Reason != "":
			keep.ID, keep.Kind, keep.Part, keep.Rule = v.ID, Stream, s.Job, r.name
			v.Keeps = append(v.Keeps, keep)
		case reason != "":
			chosen = append(chosen, Item{ID: v.ID, Kind: Stream, Part: s.Job, Bytes: told(s.Size), Rule: r.name, Reason: because + reason})
			taken[s.Job] = true
		}
	}
	if len(chosen) > 0 {
		r.leaveOne(c, v, chosen, taken)
	}
}

// leaveOne takes the chosen streams if one that is complete stays for certain.
func (r *removal) leaveOne(c *facts, v *Verdict, chosen []Item, taken map[string]bool) {
	left, unknown := rule.No, ""
	for i, s := range c.m.Streams {
		if taken[s.Job] {
			continue
		}
		complete, why := Complete(s, c.m, Need{Encrypted: r.streams.encrypted})
		if complete == rule.Yes && c.maybe[s.Job] {
			complete, why = rule.Unknown, mayGo
		}
		if complete > left {
			left, unknown = complete, streamFact(i, why)
		}
	}
	k := Keep{Kind: Stream, Rule: r.name, Reason: fmt.Sprintf("no stream that plays the whole would be left of %d", len(c.m.Streams))}
	switch left {
	case rule.Yes:
		v.Items = append(v.Items, chosen...)
	case rule.Unknown:
		for _, i := range chosen {
			c.maybe[i.Part] = true
		}
		k.Reason += ", or none that is known to: " + unknown + " unknown"
		c.doubt(v, k, unknown)
	default:
		k.ID, k.Why = v.ID, Needed
		v.Keeps = append(v.Keeps, k)
	}
}

// choose says why a stream fits the rule (empty: it does not), or why it is kept though
// it may fit; missing are the facts without which that cannot be told. A condition that
// is known not to hold decides, whatever else is missing.
func (r *removal) choose(c *facts, i int, best []string, hazy map[string]string) (reason string, keep Keep, missing []string) {
	f, s := r.streams, c.m.Streams[i]
	var open Keep
	doubt := func(reason string, facts ...string) {
		if open.Reason == "" {
			open.Reason, missing = reason, facts
		}
	}
	kept := func(why Why, reason string) (string, Keep, []string) { return "", Keep{Why: why, Reason: reason}, nil }
	fits, what := f.fits(s)
	switch {
	case fits == rule.No:
		return "", Keep{}, nil
	case s.Definition == "OD":
		return kept(Needed, "OD is the source file itself")
	}
	if why, fact := unsure(s, fits, what); why != "" {
		doubt(why, streamFact(i, fact))
	}
	reason = f.describe(s)
	if f.olderThan > 0 {
		age := c.at.Now.Sub(s.Created)
		switch {
		case !isTold(s.Created, c.at.Now):
			doubt("time of transcoding unknown", streamFact(i, "created"))
		case age <= f.olderThan:
			return kept(Young, fmt.Sprintf("stream is %s old, limit %s", days(age), days(f.olderThan)))
		}
		reason += fmt.Sprintf(", stream is %s old, limit %s", days(age), days(f.olderThan))
	}
	if f.superseded {
		newer, why, facts := c.superseding(i)
		switch {
		case len(facts) > 0:
			doubt(why, facts...)
		case newer.Job == "":
			return kept(Doubt, why) // without a word when nothing speaks for it
		}
		reason += ", superseded by " + newer.Job
	}
	if f.keepBest > 0 {
		if at := slices.Index(best, s.Job); at >= 0 {
			c.mayLose(s.Job, at+len(hazy) >= f.keepBest) // one of those may be better, and push this one out
			return kept(Needed, fmt.Sprintf("among the best %d", f.keepBest))
		}
		if fact := hazy[s.Job]; fact != "" {
			doubt(fmt.Sprintf("it may be among the best %d: %s unknown", f.keepBest, fact), streamFact(i, fact))
		}
		reason += fmt.Sprintf(", not among the best %d", f.keepBest)
	}
	if len(missing) > 0 {
		return "", open, missing
	}
	return reason, Keep{}, nil
}

// mayLose notes that a stream which is kept may not be.
func (c *facts) mayLose(job string, is bool) {
	if is {
		c.maybe[job], c.unsure = true, true
	}
}

// unsure says why it is not known that a stream is one that the filter means, and
// which fact is missing; empty: it is known.
func unsure(s video.Stream, fits rule.Truth, what string) (why, fact string) {
	switch {
	case s.Job == "":
		return "a stream without a job cannot be named", "job"
	case s.Definition == "":
		return "a stream does not tell its definition, so it may be the source file itself", "definition"
	case fits == rule.Unknown:
		return what + " unknown", what
	}
	return "", ""
}

// best are the jobs of the best complete streams, as many as the filter keeps: most
// lines, then most bits. Streams that tie with the last of them are among them too. hazy
// are those that may be complete, or whose place is not known, with the fact that is
// missing: they stay, and take no place from others.
func (c *facts) best(f *streamFilter) (jobs []string, hazy map[string]string) {
	if f.keepBest <= 0 {
		return nil, nil
	}
	order := func(a, b video.Stream) int {
		return cmp.Or(cmp.Compare(b.Height, a.Height), cmp.Compare(b.Bitrate, a.Bitrate))
	}
	hazy = map[string]string{}
	var whole, all []video.Stream
	for _, s := range c.m.Streams {
		complete, why := Complete(s, c.m, Need{Encrypted: f.encrypted})
		switch {
		case complete == rule.Unknown:
			hazy[s.Job] = strings.TrimSuffix(why, " unknown")
		case complete == rule.Yes && s.Height <= 0 && kindOfStream(s) != string(video.KindAudio):
			hazy[s.Job] = "height"
		case complete == rule.Yes:
			whole = append(whole, s)
		}
	}
	for _, s := range whole {
		tie := slices.ContainsFunc(whole, func(o video.Stream) bool { return o.Job != s.Job && o.Height == s.Height })
		if s.Bitrate <= 0 && tie {
			hazy[s.Job] = "bitrate"
			continue
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, order)
	for i, s := range all {
		if i < f.keepBest || order(all[f.keepBest-1], s) == 0 {
			jobs = append(jobs, s.Job)
		}
	}
	return jobs, hazy
}

// mayGo says of a stream that nobody knows whether it stays.
const mayGo = "whether a rule takes it"

// streamFact is the name of a fact of a stream, as Keep.Missing has it, from the name that
// Complete and its like give it.
func streamFact(i int, name string) string {
	switch name = strings.TrimSuffix(name, " unknown"); name {
	case factWhole:
		return "duration"
	case factKind:
		return "kind"
	case factShape:
		return name
	case factMade:
		name = "created"
	case mayGo:
		return fmt.Sprintf("streams[%d]", i)
	}
	return fmt.Sprintf("streams[%d].%s", i, name)
}

// noise is the part of a bitrate that two encodings of one picture differ by.
const noise = 0.05

// superseding finds the newest stream that came after the one at that place, is of the same definition,
// format, codec, encryption and kind, complete, and no worse. The two documented signs of
// being superseded, a newer stream and the status Invisible, must agree; where they do
// not, or the newer one is worse, why says so. missing are the facts that are unknown.
func (c *facts) superseding(at int) (newer video.Stream, why string, missing []string) {
	s := c.m.Streams[at]
	newer, worse, missing := c.newer(at)
	hidden := s.Status == "Invisible"
	switch {
	case newer.Job != "" && hidden:
		return newer, "", nil
	case newer.Job != "" && s.Status == "":
		return video.Stream{}, newer.Job + " is newer, but this one does not tell its status", []string{streamFact(at, "status")}
	case newer.Job != "":
		return video.Stream{}, fmt.Sprintf("%s is newer, but this one still has status %q", newer.Job, s.Status), nil
	case hidden || s.Status == "" && len(missing) > 0:
		return video.Stream{}, strings.TrimSuffix("hidden, but nothing newer of its kind plays: "+worse, ": "), missing
	}
	return video.Stream{}, "", nil // it is shown, so it is not superseded whatever else is
}

// newer finds the newest stream that replaces the one at that place. worse says why one
// that may be newer does not; missing are the facts that are unknown.
func (c *facts) newer(at int) (newer video.Stream, worse string, missing []string) {
	s := c.m.Streams[at]
	for i, o := range c.m.Streams {
		if o.Job == s.Job {
			continue
		}
		replaces, what := c.replaces(s, o)
		switch {
		case replaces == rule.Unknown:
			missing = append(missing, streamFact(i, what))
			worse = fmt.Sprintf("streams[%d] may be newer, %s unknown", i, what)
		case replaces == rule.No && what != "":
			worse = cmp.Or(worse, fmt.Sprintf("%s is newer, but %s", cmp.Or(o.Job, "one"), what))
		case replaces == rule.Yes && o.Created.After(newer.Created):
			newer = o
		}
	}
	return newer, worse, missing
}

// replaces says whether o was made after s, of the same kind, and can stand in its place.
// what names the missing fact, or for a newer one what is wrong with it.
func (c *facts) replaces(s, o video.Stream) (t rule.Truth, what string) {
	if t, what = sameSort(s, o); t == rule.No {
		return rule.No, ""
	}
	switch {
	case !isTold(s.Created, c.at.Now) || !isTold(o.Created, c.at.Now):
		return rule.Unknown, factMade
	case !o.Created.After(s.Created):
		return rule.No, ""
	case t == rule.Unknown:
		return t, what
	}
	complete, why := Complete(o, c.m, Need{Encrypted: s.Encrypted})
	if complete != rule.Yes {
		return complete, strings.TrimSuffix(why, " unknown")
	}
	sound := kindOfStream(s) == string(video.KindAudio)
	switch {
	case !sound && min(s.Height, o.Height) <= 0:
		return rule.Unknown, "height"
	case min(s.Bitrate, o.Bitrate) <= 0:
		return rule.Unknown, "bitrate"
	case !sound && o.Height < s.Height:
		return rule.No, fmt.Sprintf("it has %d lines, this one %d", o.Height, s.Height)
	case o.Bitrate < s.Bitrate*(1-noise):
		return rule.No, fmt.Sprintf("it has %.0f kbit/s, this one %.0f", o.Bitrate, s.Bitrate)
	}
	return rule.Yes, ""
}

// sameSort says whether two streams are of one encryption, definition, format, codec and
// kind; what names a fact that is missing.
func sameSort(s, o video.Stream) (t rule.Truth, what string) {
	if s.Encrypted != o.Encrypted {
		return rule.No, ""
	}
	t = rule.Yes
	for _, pair := range [][3]string{{s.Definition, o.Definition, "definition"}, {s.Format, o.Format, "format"}, {s.Codec, o.Codec, "codec"},
		{kindOfStream(s), kindOfStream(o), "kind"}} {
		switch {
		case pair[0] == "" || pair[1] == "":
			t, what = rule.Unknown, pair[2]
		case pair[0] != pair[1]:
			return rule.No, ""
		}
	}
	return t, what
}

// fits says whether the stream is of the wanted sort, and else which fact is missing.
func (f *streamFilter) fits(s video.Stream) (t rule.Truth, missing string) {
	t = rule.Yes
	and := func(other rule.Truth, name string) {
		if other == rule.Unknown && t == rule.Yes {
			missing = name
		}
		t = min(t, other)
	}
	in := func(list []string, value, name string) {
		switch {
		case len(list) == 0 || slices.Contains(list, value):
		case value == "":
			and(rule.Unknown, name)
		default:
			and(rule.No, name)
		}
	}
	in(f.definition, s.Definition, "definition")
	in(f.format, s.Format, "format")
	in(f.codec, s.Codec, "codec")
	switch {
	case f.below == 0 && f.above == 0:
	case kindOfStream(s) == string(video.KindAudio):
		and(rule.No, "") // sound has no height
	case s.Height <= 0:
		and(rule.Unknown, "height")
	case f.below > 0 && s.Height >= f.below || s.Height <= f.above:
		and(rule.No, "")
	}
	return t, missing
}

func (f *streamFilter) describe(s video.Stream) string {
	return fmt.Sprintf("; %s %s %dx%d", cmp.Or(s.Definition, "?"), cmp.Or(s.Format, "?"), s.Width, s.Height)
}
