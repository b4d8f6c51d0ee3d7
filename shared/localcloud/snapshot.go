package localcloud

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakevod"
)

// snapshot is everything at one moment. It lives in memory, as long as the Cloud.
type snapshot struct {
	now     time.Time
	library *fakevod.State
	queues  *fakemns.State
	objects map[string]map[string][]byte // by bucket and key
	files   map[string][]byte            // of the functions' STATE folder
}

// initial is the name of the snapshot that Start takes, for Reset.
const initial = ""

// Snapshot keeps the state of everything under a name: library, queues, objects, the
// functions' STATE folder and the library's clock.
func (c *Cloud) Snapshot(name string) error {
	snap := &snapshot{now: c.Now(), library: c.VOD.Snapshot(), queues: c.MNS.Snapshot(), objects: map[string]map[string][]byte{}, files: map[string][]byte{}}
	for _, bucket := range c.buckets() {
		snap.objects[bucket] = map[string][]byte{}
		for _, key := range c.OSS.Keys(bucket) {
			body, err := c.object(bucket, key)
			if err != nil {
				return err
			}
			snap.objects[bucket][key] = body
		}
	}
	if dir := c.stateDir(); dir != "" {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			snap.files[name], err = os.ReadFile(path)
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	c.snapMu.Lock()
	defer c.snapMu.Unlock()
	if c.snapshots == nil {
		c.snapshots = map[string]*snapshot{}
	}
	c.snapshots[name] = snap
	return nil
}

// Restore puts a snapshot back. The functions' processes end; what they were doing
// is lost, as by a kill. Counters and faults stay.
func (c *Cloud) Restore(name string) error {
	c.snapMu.Lock()
	defer c.snapMu.Unlock()
	snap := c.snapshots[name]
	if snap == nil {
		return fmt.Errorf("there is no snapshot %q", name)
	}
	c.FC.Restart()
	// First: what is due in the library, and what it costs, goes by the clock.
	if err := c.clock.move(snap.now.Sub(c.Now())); err != nil {
		return err
	}
	if err := errors.Join(c.VOD.Restore(snap.library), c.MNS.Restore(snap.queues), c.restoreObjects(snap.objects), c.restoreFiles(snap.files)); err != nil {
		return err
	}
	c.FC.Rewind(c.Now())
	return nil
}

// Reset is Restore of how everything was after Start, with empty logs and no faults.
func (c *Cloud) Reset() error {
	if err := c.Restore(initial); err != nil {
		return err
	}
	c.SetFaults()
	c.VOD.Log().Reset()
	c.VOD.Deliveries().Reset()
	c.OSS.Log().Reset()
	c.MNS.Log().Reset()
	c.FC.Forget()
	return nil
}

func (c *Cloud) buckets() []string {
	return append([]string{c.VOD.Bucket()}, stateBuckets(c.opt.Account)...)
}

func (c *Cloud) object(bucket, key string) ([]byte, error) {
	r, err := c.OSS.Open(bucket, key)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r)
	return body, errors.Join(err, r.Close())
}

func (c *Cloud) restoreObjects(objects map[string]map[string][]byte) error {
	for _, bucket := range c.buckets() {
		for _, key := range c.OSS.Keys(bucket) {
			if _, ok := objects[bucket][key]; !ok {
				if err := c.OSS.Remove(bucket, key); err != nil {
					return err
				}
			}
		}
		kept := c.OSS.Keys(bucket)
		for key, body := range objects[bucket] {
			if slices.Contains(kept, key) {
				if now, err := c.object(bucket, key); err == nil && bytes.Equal(now, body) {
					continue
				}
			}
			if err := c.OSS.Put(bucket, key, bytes.NewReader(body)); err != nil {
				return err
			}
		}
	}
	return nil
}

// stateDir is the folder behind STATE, "" when that is something else.
func (c *Cloud) stateDir() string {
	dir, ok := strings.CutPrefix(c.env["STATE"], "file:")
	if !ok {
		return ""
	}
	return dir
}

func (c *Cloud) restoreFiles(files map[string][]byte) error {
	dir := c.stateDir()
	if dir == "" {
		return nil
	}
	old, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range old {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	for name, body := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, body, 0o600)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	c.done(w, c.Snapshot(r.PathValue("name")))
}

func (c *Cloud) serveRestore(w http.ResponseWriter, r *http.Request) {
	c.done(w, c.Restore(r.PathValue("name")))
}

func (c *Cloud) serveReset(w http.ResponseWriter, _ *http.Request) { c.done(w, c.Reset()) }

func (c *Cloud) done(w http.ResponseWriter, err error) {
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	reply(w, http.StatusOK, map[string]time.Time{"now": c.Now()})
}
