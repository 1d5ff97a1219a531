/**
 * What the camera sees: the square that the model is given.
 */
import { useEffect, useRef } from "preact/hooks";
import {
  type CameraUser,
  camera,
  cameraUsers,
  leaveCamera,
  startCamera,
} from "../../state/media/camera.js";

export function CameraView({ user }: { user: CameraUser }) {
  const video = useRef<HTMLVideoElement>(null);
  const stream = cameraUsers.value.has(user) ? camera.value?.stream : undefined;
  useEffect(() => {
    if (video.current) video.current.srcObject = stream ?? null;
  }, [stream]);
  if (!stream) return null;
  return (
    <video
      ref={video}
      class="camera"
      autoplay
      muted
      playsInline
      aria-label="What the camera sees"
    />
  );
}

export function CameraSwitch({ user, words }: { user: CameraUser; words: string }) {
  const isOn = cameraUsers.value.has(user);
  return (
    <button
      type="button"
      class="quiet"
      aria-pressed={isOn}
      onClick={() => (isOn ? leaveCamera(user) : void startCamera(user))}
    >
      {isOn ? "Switch the camera off" : words}
    </button>
  );
}
