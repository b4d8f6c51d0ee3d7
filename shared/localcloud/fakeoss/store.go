package fakeoss

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Object is what the store knows of one object beside its bytes.
type Object struct {
	Key         string
	Size        int64
	ETag        string // without quotes
	CRC64       uint64
	ContentType string
	Meta        map[string]string `json:",omitempty"` // x-oss-meta-…, lower case
	Modified    time.Time

	data []byte // memory store
	path string // disk store: a file that holds one line of JSON, then the bytes
	skip int64  // length of that line
}

func (o *Object) open() (io.ReadSeekCloser, error) {
	if o.path == "" {
		return nopCloser{bytes.NewReader(o.data)}, nil
	}
	f, err := os.Open(o.path)
	if err != nil {
		return nil, err
	}
	return &section{io.NewSectionReader(f, o.skip, o.Size), f}, nil
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

type section struct {
	*io.SectionReader
	io.Closer
}

// bucket holds its objects twice: by key, and the keys in byte order for lists.
type bucket struct {
	Created   time.Time
	Versioned bool
	objects   map[string]*Object
	keys      []string

	changes atomic.Uint64 // of the folder, made under the server's mutex
	syncing sync.Mutex    // held while one call syncs for all that wait
	synced  uint64        // of the changes
}

func (b *bucket) put(o *Object) {
	if _, ok := b.objects[o.Key]; !ok {
		i, _ := slices.BinarySearch(b.keys, o.Key)
		b.keys = slices.Insert(b.keys, i, o.Key)
	}
	b.objects[o.Key] = o
}

func (b *bucket) remove(key string) {
	if _, ok := b.objects[key]; !ok {
		return
	}
	delete(b.objects, key)
	i, _ := slices.BinarySearch(b.keys, key)
	b.keys = slices.Delete(b.keys, i, i+1)
}

var ecma = crc64.MakeTable(crc64.ECMA)

// write puts a file with this text into a folder, under a name that load passes over,
// and waits until its bytes are on the disk.
func write(dir string, parts ...io.Reader) (path string, err error) {
	f, err := os.CreateTemp(dir, "new-")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, io.MultiReader(parts...))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// prepare writes an object's file beside the place that it will have.
func (s *Server) prepare(bucketName string, o *Object, data []byte) (tmp string, err error) {
	head, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(o.Key)) // a key may hold anything, a file name may not
	dir := filepath.Join(s.opt.Dir, bucketName)
	o.path, o.skip = filepath.Join(dir, hex.EncodeToString(sum[:])), int64(len(head)+1)
	return write(dir, bytes.NewReader(append(head, '\n')), bytes.NewReader(data))
}

// settle waits until every change of the bucket's folder so far is on the disk: what was
// answered is still there after a kill or a loss of power. Calls that wait at the same
// time share one sync.
func (s *Server) settle(name string, b *bucket) error {
	if s.opt.Dir == "" {
		return nil
	}
	want := b.changes.Load()
	b.syncing.Lock()
	defer b.syncing.Unlock()
	if b.synced >= want {
		return nil
	}
	now := b.changes.Load()
	err := syncDir(filepath.Join(s.opt.Dir, name))
	if err == nil || errors.Is(err, fs.ErrNotExist) { // the bucket has been deleted since
		b.synced = now
		return nil
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// replace writes a file of our own, whole or not at all.
func replace(path string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp, err := write(filepath.Dir(path), bytes.NewReader(body))
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(tmp, path), syncDir(filepath.Dir(path)))
}

func (s *Server) saveBucket(name string, b *bucket) error {
	if s.opt.Dir == "" {
		return nil
	}
	dir := filepath.Join(s.opt.Dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(replace(filepath.Join(dir, "bucket.json"), b), syncDir(s.opt.Dir))
}

// load reads what an earlier run left in the folder.
func (s *Server) load() error {
	if s.opt.Dir == "" {
		return nil
	}
	if err := os.MkdirAll(s.opt.Dir, 0o700); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(s.opt.Dir, "*", "*"))
	if err != nil {
		return err
	}
	for _, path := range files {
		name, file := filepath.Base(filepath.Dir(path)), filepath.Base(path)
		switch {
		case file == "bucket.json":
			body, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := json.Unmarshal(body, s.bucketFor(name)); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		case len(file) == 64:
			o, err := readHead(path)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			s.bucketFor(name).put(o)
		case strings.HasPrefix(file, "upload-"):
			if err := s.loadUpload(path); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		default: // left half-written, or half-removed, by a kill: never acknowledged
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func readHead(path string) (*Object, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	head, err := bufio.NewReader(f).ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	o := &Object{path: path, skip: int64(len(head))}
	return o, json.Unmarshal(head, o)
}

func (s *Server) bucketFor(name string) *bucket {
	b := s.buckets[name]
	if b == nil {
		b = &bucket{objects: map[string]*Object{}, Created: s.opt.Now()}
		s.buckets[name] = b
	}
	return b
}

func (s *Server) removeBucketDir(name string) *fault {
	if s.opt.Dir == "" {
		return nil
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(s.opt.Dir, name)), syncDir(s.opt.Dir)); err != nil {
		return internal
	}
	return nil
}
