-- Show that a registered node lives.
UPDATE nodes
   SET beat = beat + 1,
       running = $2
 WHERE id = $1
RETURNING id
