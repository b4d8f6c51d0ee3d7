package fakevod_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

func keyOf(id string, apps ...string) fakeram.Key {
	return fakeram.Key{ID: id, Secret: "s", Account: "1234567890123456", Apps: apps}
}

// used adds up all days of a class.
func used(c *cloud, class string) (sum fakevod.ClassUse) {
	for _, d := range c.Storage().Days {
		u := d.Classes[class]
		sum.ByteDays, sum.ByteSeconds = sum.ByteDays+u.ByteDays, sum.ByteSeconds+u.ByteSeconds
		sum.EarlyByteDays, sum.EarlyByteSeconds = sum.EarlyByteDays+u.EarlyByteDays, sum.EarlyByteSeconds+u.EarlyByteSeconds
		sum.RetrievedBytes, sum.Moves, sum.Restores = sum.RetrievedBytes+u.RetrievedBytes, sum.Moves+u.Moves, sum.Restores+u.Restores
	}
	sum.ByteDays, sum.ByteSeconds = sum.ByteDays+sum.ByteSeconds/86400, sum.ByteSeconds%86400
	sum.EarlyByteDays, sum.EarlyByteSeconds = sum.EarlyByteDays+sum.EarlyByteSeconds/86400, sum.EarlyByteSeconds%86400
	return sum
}

func TestWhatStorageCosts(t *testing.T) {
	c := newCloud(t, nil)
	c.Storage() // it begins now, at 20:00 in Beijing
	c.Seed(clip("v", "", 0), clip("w", "", 0))
	c.Advance(12 * time.Hour)
	first := c.Storage().Days
	require.Len(t, first, 2)
	require.Equal(t, "2025-03-01", first[0].Day)
	require.Equal(t, fakevod.ClassUse{ByteDays: 500}, first[0].Classes["Standard"], "3,000 bytes for the four hours of Beijing's day")
	require.Equal(t, fakevod.ClassUse{ByteDays: 1000}, first[1].Classes["Standard"])
	c.call(t, "UpdateMediaStorageClass", "MediaIds", "v,w", "StorageClass", "IA")
	c.Advance(10 * aDay)
	require.Equal(t, fakevod.ClassUse{ByteDays: 30_000, Moves: 2}, used(c, "IA"))
	// v leaves twenty days early, and is read for it; of w a stream goes, the source and all.
	c.call(t, "UpdateMediaStorageClass", "MediaIds", "v", "StorageClass", "Standard", "AllowUpdateWithoutTimeLimit", "true")
	c.call(t, "DeleteStream", "VideoId", "w", "JobIds", "w-ld")
	require.Equal(t, fakevod.ClassUse{ByteDays: 30_000, Moves: 2, RetrievedBytes: 1500, EarlyByteDays: 20 * 1800}, used(c, "IA"))
	c.call(t, "DeleteMezzanines", "VideoIds", "w")
	c.Advance(5 * aDay)
	require.Equal(t, fakevod.ClassUse{ByteDays: 30_000 + 5*200, Moves: 2, RetrievedBytes: 1500, EarlyByteDays: 20 * 2800}, used(c, "IA"))
	c.call(t, "DeleteVideo", "VideoIds", "w")
	require.EqualValues(t, 20*2800+15*200, used(c, "IA").EarlyByteDays)
	c.call(t, "DeleteVideo", "VideoIds", "v")
	require.EqualValues(t, 1500+5*1500, used(c, "Standard").ByteDays, "Standard has no minimum")
	c.Advance(100 * aDay)
	require.EqualValues(t, 1500+5*1500, used(c, "Standard").ByteDays, "nothing is left")
	require.EqualValues(t, 1, used(c, "Standard").Moves)
	now := c.Storage().Now
	require.Len(t, now, 4)
	for class, h := range now {
		require.Zero(t, h, class)
	}
}

// Each part is counted in its own class, and a copy of what is restored from Cold Archive in Standard.
func TestPartsAndCopies(t *testing.T) {
	c := newCloud(t, func(o *fakevod.Options) { o.RestoreDelay = time.Hour })
	c.Seed(clip("src", "SourceIA", aDay), clip("cold", "ColdArchive", aDay), fakevod.Asset{ID: "i", Kind: "image", Size: 7})
	now := func(class string) any { b, _ := json.Marshal(c.Storage().Now[class]); return string(b) }
	require.Equal(t, `{"assets":1,"bytes":507}`, now("Standard"))
	require.Equal(t, `{"assets":1,"bytes":1000}`, now("IA"))
	c.call(t, "SubmitSnapshotJob", "VideoId", "src")
	require.EqualValues(t, 1000, used(c, "IA").RetrievedBytes, "its source was read")
	c.call(t, "RestoreMedia", "MediaIds", "cold", "RestoreDays", "10", "Scope", "SourceFile", "RestoreTier", "Expedited")
	c.Advance(time.Hour)
	require.Equal(t, `{"assets":1,"bytes":1507}`, now("Standard"))
	require.Equal(t, fakevod.ClassUse{ByteDays: 62, ByteSeconds: 43200, RetrievedBytes: 1000, Restores: 1}, used(c, "ColdArchive"))
	c.Advance(400 * aDay) // the copy has gone at its own time, not when somebody looks
	require.Equal(t, `{"assets":1,"bytes":507}`, now("Standard"))
	require.EqualValues(t, 10_000+507*400+21, used(c, "Standard").ByteDays)
	c.call(t, "RestoreMedia", "MediaIds", "cold", "RestoreTier", "Expedited")
	c.Advance(time.Hour)
	require.EqualValues(t, 2500, used(c, "ColdArchive").RetrievedBytes)
	c.call(t, "UpdateMediaStorageClass", "MediaIds", "cold", "StorageClass", "Archive")
	require.Equal(t, `{"assets":0,"bytes":0}`, now("ColdArchive"))
	require.EqualValues(t, 2500, used(c, "ColdArchive").RetrievedBytes, "what is restored is not read again")
	require.Zero(t, used(c, "ColdArchive").EarlyByteDays)
	require.True(t, c.SetClass("src", "ColdArchive", time.Time{}))
	require.False(t, c.SetClass("i", "IA", time.Time{}))
	require.False(t, c.SetClass("none", "IA", time.Time{}))
	require.EqualValues(t, 1, used(c, "Archive").Moves)
	require.Zero(t, used(c, "IA").EarlyByteDays, "a test that sets a class pays nothing")
}

// file is one part of an asset in the eyes of an oracle that knows intervals alone.
type file struct {
	bytes    int64
	class    string
	min      int64
	from, to time.Time
}

// TestStorageAgainstIntervals plays random months and compares the counters with sums over
// the intervals in which each file was in a class.
func TestStorageAgainstIntervals(t *testing.T) {
	minimum := map[string]int64{"IA": 30, "Archive": 60, "ColdArchive": 180}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		dir := t.TempDir()
		c := newCloud(t, func(o *fakevod.Options) { o.Dir = dir })
		c.Storage()
		open, closed := map[string]*file{}, []file{}
		shut := func(name string) *file {
			f := open[name]
			f.to = c.Now()
			closed = append(closed, *f)
			delete(open, name)
			return f
		}
		for step := range 60 {
			id := fmt.Sprint("v", rng.IntN(6))
			_, there := c.Lookup(id)
			switch class := []string{"Standard", "IA", "Archive", "ColdArchive"}[rng.IntN(4)]; {
			case !there:
				size := rng.Int64N(1 << 40)
				c.Seed(fakevod.Asset{ID: id, Size: size, Source: &fakevod.Source{Status: "Normal", Media: fakevod.Media{Size: size}},
					Streams: []fakevod.Stream{{JobID: "s", Definition: "SD", Size: size / 3, Created: c.Now()}}, Created: c.Now()})
				open[id+" source"] = &file{size, "Standard", 0, c.Now(), time.Time{}}
				open[id+" stream"] = &file{size / 3, "Standard", 0, c.Now(), time.Time{}}
			case rng.IntN(8) == 0:
				c.call(t, "DeleteVideo", "VideoIds", id)
				shut(id + " source")
				if open[id+" stream"] != nil {
					shut(id + " stream")
				}
			case rng.IntN(8) == 0 && open[id+" stream"] != nil:
				c.call(t, "DeleteStream", "VideoId", id, "JobIds", "s")
				shut(id + " stream")
			default:
				scope, rest := "All", class
				if rng.IntN(2) == 0 {
					scope, rest = "SourceFile", "Standard"
				}
				if c.says(t, "IgnoredList.MediaId", "UpdateMediaStorageClass", "MediaIds", id, "StorageClass", class, "Scope", scope, "AllowUpdateWithoutTimeLimit", "true") != "[]" {
					break
				}
				for name, to := range map[string]string{id + " source": class, id + " stream": rest} {
					if open[name] == nil || open[name].class == to {
						continue
					}
					f := shut(name)
					open[name] = &file{f.bytes, to, minimum[to], c.Now(), time.Time{}}
				}
			}
			c.settle(t)
			c.Advance(time.Duration(rng.Int64N(int64(9*aDay))) / time.Second * time.Second)
			if step%20 == 19 { // a kill in between
				now := c.Now()
				c = newCloud(t, func(o *fakevod.Options) { o.Dir, o.Objects = dir, c.OSS })
				c.Advance(now.Sub(start))
			}
		}
		want := map[string]*big.Int{}
		add := func(key string, bytes, seconds int64) {
			if want[key] == nil {
				want[key] = new(big.Int)
			}
			want[key].Add(want[key], new(big.Int).Mul(big.NewInt(bytes), big.NewInt(seconds)))
		}
		for _, f := range slices.Concat(closed, slices.Collect(func(yield func(file) bool) {
			for f := range maps.Values(open) {
				if !yield(*f) {
					return
				}
			}
		})) {
			end := f.to
			if end.IsZero() {
				end = c.Now()
			} else if rest := f.min*86400 - int64(f.to.Sub(f.from)/time.Second); rest > 0 {
				add("early "+f.class, f.bytes, rest)
			}
			add(f.class, f.bytes, int64(end.Sub(f.from)/time.Second))
		}
		have := map[string]*big.Int{}
		for _, class := range []string{"Standard", "IA", "Archive", "ColdArchive"} {
			u := used(c, class)
			for key, q := range map[string][2]int64{class: {u.ByteDays, u.ByteSeconds}, "early " + class: {u.EarlyByteDays, u.EarlyByteSeconds}} {
				sum := new(big.Int).Mul(big.NewInt(q[0]), big.NewInt(86400))
				if sum.Add(sum, big.NewInt(q[1])); sum.Sign() > 0 {
					have[key] = sum
				}
			}
		}
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(have), "seed %d", seed)
	}
}

// A snapshot has the bill in it, and a clock that is moved back counts nothing twice.
func TestTheBillIsPartOfTheState(t *testing.T) {
	c := newCloud(t, nil)
	c.Seed(clip("v", "IA", 0))
	c.Advance(2 * aDay)
	c.call(t, "UpdateVideoInfo", "VideoId", "v", "Title", "x")
	before, st := c.Storage(), c.Snapshot()
	c.Advance(3 * aDay)
	c.call(t, "DeleteVideo", "VideoIds", "v")
	require.NotEqual(t, before, c.Storage())
	require.NoError(t, c.Restore(st))
	c.Advance(-3 * aDay)
	require.Equal(t, before, c.Storage())
	c.Advance(-aDay)
	require.Equal(t, before, c.Storage())
	c.Advance(aDay)
	require.Equal(t, before, c.Storage())
	c.Advance(aDay)
	require.EqualValues(t, 3*1500, used(c, "IA").ByteDays)
}

// A named snapshot on the disk has it too, with what a switch says.
func TestTheBillIsInAFile(t *testing.T) {
	dir := t.TempDir()
	c := newCloud(t, func(o *fakevod.Options) { o.Dir, o.MinimumFromUpload = dir, true })
	c.Seed(clip("v", "IA", 20*aDay))
	require.True(t, c.SetClass("v", "IA", start))
	c.Advance(2 * aDay)
	before := c.Storage()
	require.NoError(t, c.SaveAs("monday"))
	c.Advance(aDay)
	c.call(t, "DeleteVideo", "VideoIds", "v")
	require.EqualValues(t, 7*1500, used(c, "IA").EarlyByteDays)
	require.NoError(t, c.Load("monday"))
	c.Advance(-aDay)
	require.Equal(t, before, c.Storage())
	c.call(t, "DeleteVideo", "VideoIds", "v")
	require.EqualValues(t, 8*1500, used(c, "IA").EarlyByteDays)
}

// A million of generated assets are counted without their parts being made; what is made of
// one of them later changes nothing.
func TestGeneratedAssetsAreBilled(t *testing.T) {
	c := newCloud(t, nil)
	require.NoError(t, c.Generate(300, 5))
	var want int64
	var one fakevod.Asset
	for _, a := range c.Assets() {
		if want += a.Size; a.Kind == "video" && len(a.Streams) > 1 {
			one = a
		}
		for _, st := range a.Streams {
			want += st.Size
		}
	}
	have := func() int64 {
		_, after, _ := strings.Cut(fmt.Sprint(c.Storage().Now["Standard"]), " ")
		var n int64
		_, err := fmt.Sscan(strings.TrimSuffix(after, "}"), &n)
		require.NoError(t, err)
		return n
	}
	require.Equal(t, want, have())
	c.call(t, "UpdateVideoInfo", "VideoId", one.ID, "Title", "x")
	require.Equal(t, want, have())
	require.True(t, c.SetClass(one.ID, "IA", start))
	all := one.Size
	for _, st := range one.Streams {
		all += st.Size
	}
	require.Equal(t, want-all, have())
	c.call(t, "DeleteStream", "VideoId", one.ID, "JobIds", one.Streams[0].JobID)
	require.Equal(t, 30*one.Streams[0].Size, used(c, "IA").EarlyByteDays)
	c.call(t, "DeleteVideo", "VideoIds", one.ID)
	require.Equal(t, 30*all, used(c, "IA").EarlyByteDays)
	require.NoError(t, c.Restore(c.Snapshot()))
	require.Equal(t, want-all, have())
}
