// Command minio is the S3 store of the demo and of the tests: MinIO with two additions of ours. It can die with the
// process that started it, and it can make a user without another tool.
//
//	minio server ...                          as MinIO's own program
//	minio user ENDPOINT KEY SECRET POLICY     makes a user with an IAM policy (JSON); the caller's own keys come by
//	                                          MINIO_ROOT_USER and MINIO_ROOT_PASSWORD
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/minio/madmin-go/v3"
	minio "github.com/minio/minio/cmd"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "user" {
		if err := addUser(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "minio user:", err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv("DEVSTACK_STDIN") == "watch" {
		go dieWithParent(os.Getenv("DEVSTACK_REMOVE"))
	}
	minio.Main(os.Args)
}

// dieWithParent ends the process when standard input does: the kernel closes the pipe also when the process that
// holds its other end is killed. Data that nobody can ask for any more goes along.
func dieWithParent(remove string) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	// MinIO still runs, and may write into a folder between its emptying and its removal.
	for try := 0; remove != "" && try < 10 && os.RemoveAll(remove) != nil; try++ {
	}
	os.Exit(0)
}

// addUser makes the user and a policy of the same name, and attaches one to the other. Doing it twice is harmless.
func addUser(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("needs ENDPOINT KEY SECRET POLICY, got %d arguments", len(args))
	}
	endpoint, key, secret, policy := args[0], args[1], args[2], args[3]
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	admin, err := madmin.New(endpoint, os.Getenv("MINIO_ROOT_USER"), os.Getenv("MINIO_ROOT_PASSWORD"), false)
	if err != nil {
		return err
	}
	if err := admin.AddUser(ctx, key, secret); err != nil {
		return fmt.Errorf("make %s: %w", key, err)
	}
	if err := admin.AddCannedPolicy(ctx, key, []byte(policy)); err != nil {
		return fmt.Errorf("store the policy of %s: %w", key, err)
	}
	_, err = admin.AttachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{key}, User: key})
	if err != nil && madmin.ToErrorResponse(err).Code != "XMinioAdminPolicyChangeAlreadyApplied" {
		return fmt.Errorf("attach the policy of %s: %w", key, err)
	}
	return nil
}
