package main

import (
	"database/sql"
	"errors"
	"fmt"
)

// dropIndexes takes all indexes from the table of the visibility but those by which the UI lists runs. There are some fifty,
// one for each search attribute that anybody may have, each of them to be written whenever a run begins or ends: a sixth of
// the server's time. What is asked by any other attribute looks at all runs of the namespace, which are few here.
//
// It opens the database (a data source name of SQLite's) by itself, for the server has no way to say this.
func dropIndexes(database string) (err error) {
	db, err := sql.Open("sqlite", database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	names, err := spareIndexes(db)
	if err != nil {
		return fmt.Errorf("list the indexes of the visibility: %w", err)
	}
	for _, name := range names {
		if _, err := db.Exec("DROP INDEX " + name); err != nil {
			return fmt.Errorf("drop the index %s: %w", name, err)
		}
	}
	return nil
}

func spareIndexes(db *sql.DB) (names []string, err error) {
	rows, err := db.Query(`SELECT name FROM sqlite_master
		WHERE type = 'index' AND tbl_name = 'executions_visibility' AND sql IS NOT NULL -- not that of its primary key
		AND name NOT IN ('default_idx', 'by_workflow_id', 'by_workflow_type', 'by_status')`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
