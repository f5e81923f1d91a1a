"""The privacy filter: camera frames in, frames that show no room out."""

import cv2

# Parallelism comes from the number of streams; OpenCV's own threads would fight over the same cores.
cv2.setNumThreads(1)
